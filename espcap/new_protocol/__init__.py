"""Makes the files of a new protocol: from the choices of a user to texts. Reads no other files and runs nothing."""

from espcap.new_protocol.checks import checked
from espcap.new_protocol.choices import Protocol
from espcap.new_protocol.declaration import declaration
from espcap.new_protocol.dissector import dissector
from espcap.new_protocol.documentation import readme
from espcap.new_protocol.programs import programs
from espcap.new_protocol.recording import capture, tests_of


def files_of(protocol: Protocol) -> dict[str, bytes]:
    """The content of each file of a protocol's folder, by its name.

    Raises UsageError if the choices contradict each other.
    """
    protocol = checked(protocol)
    name = protocol.name
    texts = {
        f"{name}.lua": dissector(protocol),
        f"{name}.toml": declaration(protocol),
        **programs(protocol),
        f"test_{name}.py": tests_of(protocol),
        "README.md": readme(protocol),
    }
    return {each: text.encode() for each, text in texts.items()} | {f"{name}.pcap": capture(protocol)}
