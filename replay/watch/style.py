"""How the screen is laid out, as textual has it said."""

from typing import Final

CSS: Final = """
#heading { height: auto; max-height: 3; padding: 0 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
#body { height: 1fr; layout: vertical; }
#resources { height: auto; max-height: 60%; min-height: 4; padding: 0 1; scrollbar-size-vertical: 1; }
#below { height: 1fr; min-height: 4; }
#title { height: 1; padding: 0 1; background: $panel; }
#panel { height: 1fr; }
#told { height: 100%; padding: 0 1; scrollbar-size-vertical: 1; }
#text { height: auto; width: 100%; }
#trace { height: 100%; padding: 0 1; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1; }
#time { height: 2; padding: 0 1; }
#filter { height: 1; border: none; padding: 0 1; }
#filter:focus { border: none; }
Screen.-wide #body { layout: horizontal; }
Screen.-wide #resources { width: 3fr; height: 100%; max-height: 100%; }
Screen.-wide #below { width: 2fr; height: 100%; }
HelpScreen { align: center middle; }
#help { width: 78; max-width: 100%; height: auto; max-height: 100%; padding: 1 2; background: $panel; }
"""
