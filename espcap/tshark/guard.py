"""Ends a program when espcap ends, even if espcap is killed."""

import subprocess

from espcap.base.errors import EspcapError


class Guard:
    """A shell that kills a process when espcap ends, because its standard input then ends.

    The kernel can send such a signal too (see `_killed_with_espcap` in process.py). But it clears this setting for a
    program with file capabilities, as dumpcap often is.
    """

    def __init__(self, process: int) -> None:
        """`process` is the identifier of the process to kill. Raises EspcapError if the shell cannot be started."""
        command = ["/bin/sh", "-c", 'read -r _; kill -KILL "$0"', str(process)]
        try:
            self._shell = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise EspcapError(f"cannot run /bin/sh: {error.strerror}", "espcap needs a shell to capture") from error

    def dismiss(self) -> None:
        """Ends the shell. Call it when the process has ended, so that no other process with its number is killed."""
        self._shell.kill()
        self._shell.wait()
        assert self._shell.stdin
        self._shell.stdin.close()
