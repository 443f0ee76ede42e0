"""Where things are on a host: docs/linux.md has the picture."""

from pathlib import PurePosixPath

from msgspec import Struct

__all__ = ["Layout"]


class Layout(Struct, frozen=True):
    """The directories of a node, all absolute paths on its host.

    Attributes:
        root: what is shared by all experiments of this user on the host.
        exp: the experiments.
        exp_home: this experiment.
        node_home: this node in this experiment.
        base: this run of it, where the launcher keeps its attempts.
    """

    root: str
    exp: str
    exp_home: str
    node_home: str
    base: str

    def shared(self, name: str) -> str:
        """A directory that all experiments share: lib, bin, src, share or store."""
        return f"{self.root}/{name}"

    def application(self, guid: int) -> str:
        """The directory of an application in this run."""
        return f"{self.base}/app-{guid}"

    def variables(self, guid: int) -> dict[str, str]:
        """What commands of an application know of all this."""
        application = self.application(guid)
        return {
            "USR": self.root,
            "LIB": self.shared("lib"),
            "BIN": self.shared("bin"),
            "SRC": self.shared("src"),
            "SHARE": self.shared("share"),
            "EXP": self.exp,
            "EXP_HOME": self.exp_home,
            "NODE_HOME": self.node_home,
            "APP_HOME": application,
            "CODE": f"{application}/code",
        }


def on_host(root: str, exp_id: str, run_id: str, guid: int) -> Layout:
    """The layout on a host that is reached over a network."""
    exp = PurePosixPath(root) / "exp"
    node_home = exp / exp_id / f"node-{guid}"
    return Layout(root, str(exp), str(exp / exp_id), str(node_home), str(node_home / run_id))


def on_this_machine(root: str, run_dir: PurePosixPath, guid: int) -> Layout:
    """The layout on the controller's machine: what is a run's own is in the run's directory, so nothing is fetched."""
    base = str(run_dir / f"node-{guid}")
    return Layout(root, str(run_dir.parent.parent), str(run_dir.parent), base, base)
