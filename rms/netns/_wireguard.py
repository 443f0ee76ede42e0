"""Both ends of a WireGuard tunnel, with keys that nobody else ever sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rms.netns._batch import Place
    from rms.netns.emulation import Emulation

# The keys are made anew each time, and are in no file and no argument: only those for the public are.
_SCRIPT: Final = """\
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
command -v wg >/dev/null || { echo 'wg is missing: install wireguard-tools' >&2; exit 1; }
port=$1 how=$2 first=$(wg genkey) second=$(wg genkey) || exit
set_up() { # PID DEVICE OTHER KEY KEY-OF-THE-OTHER
	public=$(echo "$5" | wg pubkey) || exit
	case $3 in *:*) other=[$3] ;; *) other=$3 ;; esac
	echo "$4" | nsenter --target "$1" $how --net -- wg set "$2" private-key /dev/stdin listen-port "$port" \\
		peer "$public" endpoint "$other:$port" allowed-ips 0.0.0.0/0,::/0 || exit
}
set_up "$3" "$4" "$5" "$first" "$second"
set_up "$6" "$7" "$8" "$second" "$first"
"""


def set_up(emulation: Emulation, ends: Sequence[tuple[Place, str, str]], port: int) -> None:
    """Have two devices that are there talk to each other, and to nobody else.

    Args:
        emulation: what they are part of.
        ends: where each of them is, what it is called, and the address at which it finds the other one.
        port: that of both.

    Raises:
        CommandFailed: the host refused; its message says why.
        TransportLost: nobody answered.
    """
    words = [word for place, device, other in ends for word in (str(place.pid), device, other)]
    emulation.host.run("setting up WireGuard", _SCRIPT, str(port), emulation.entrance, *words)
