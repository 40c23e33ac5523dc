"""Options of espcap without a command, which reads packets."""

from dataclasses import dataclass
from pathlib import Path

import click

from espcap.cli.options.declaring import FILES, FOLDERS, Whole, disk_space, document_types, duration, option
from espcap.cli.options.dissecting import DissectingOptions, FilterOptions
from espcap.cli.options.storing import DeliveryOptions
from espcap.documents.types import DocumentType


@dataclass(frozen=True)
class SourceOptions:
    """The sources of packets."""

    file: tuple[str, ...] = option(
        "-r", "--file", metavar="FILE", shell_complete=FILES, help="Capture file; - is standard input. Repeatable."
    )
    dir: tuple[str, ...] = option(
        "--dir",
        metavar="DIR",
        shell_complete=FOLDERS,
        help="Directory of capture files, with its subdirectories. Repeatable.",
    )
    watch: bool = option("--watch", help="Read also new files in the directories of --dir, until SIGINT or SIGTERM.")
    settle: float = option(
        "--settle",
        default=5.0,
        show_default=True,
        metavar="SECONDS",
        type=click.FloatRange(0),
        help="With --watch: read a file when it has not changed for this time.",
    )
    nic: tuple[str, ...] = option("-i", "--nic", metavar="NAME", help="Interface to capture on. Repeatable.")
    bpf: str = option(
        "-f", "--bpf", default="", metavar="FILTER", help="Capture filter for interfaces (man pcap-filter)."
    )
    count: int = option(
        "-c", "--count", default=0, metavar="N", type=Whole(0), help="Stop after N packets of each source; 0 reads all."
    )
    list: bool = option("-D", "--list", help="List the interfaces and exit.")


@dataclass(frozen=True)
class DocumentOptions:
    """Options of the conversion of packets to documents."""

    protocols: str = option(
        "--protocols",
        default="",
        metavar="FILE",
        shell_complete=FILES,
        help="File that lists the protocols that the field protocol can contain.",
    )
    types: tuple[DocumentType, ...] = option(
        "--types",
        default="packets",
        show_default=True,
        metavar="TYPES",
        callback=document_types,
        help="Documents to make, separated by commas: packets, flows, transactions.",
    )
    payload: bool = option("--payload", help="Keep byte fields longer than 64 bytes and reassembled data.")
    jobs: int | None = option(
        "--jobs",
        metavar="N",
        type=Whole(1, 64),
        help="Number of files of a directory that are dissected at the same time.  [default: one for each core]",
    )
    stall_timeout: float = option(
        "--stall-timeout",
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        type=click.FloatRange(0),
        help="Stop reading a file if tshark prints nothing for this time; 0 is no limit.",
    )


@dataclass(frozen=True)
class LiveOptions:
    """Options of live captures: the spool, kept captures, and reports."""

    spool: Path | None = option(
        "--spool",
        shell_complete=FOLDERS,
        metavar="DIR",
        help="Folder where live packets wait for the store.  [default: ~/.local/state/espcap/spool]",
    )
    spool_size: int = option(
        "--spool-size",
        default="1GB",
        show_default=True,
        metavar="SIZE",
        callback=disk_space,
        help="Largest size of the spool of one capture: 500MB, 20GB.",
    )
    keep_captures: int | None = option(
        "--keep-captures",
        metavar="SIZE",
        callback=disk_space,
        help="Keep captured packets in files, for show, extract and the web page. When all files together are larger "
        "than this, the oldest are deleted.",
    )
    keep_captures_for: float = option(
        "--keep-captures-for",
        metavar="DURATION",
        callback=duration,
        help="With --keep-captures: delete also files whose packets are older than this: 12h, 7d.",
    )
    stats_interval: float = option(
        "--stats-interval",
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        type=click.FloatRange(0),
        help="Print the counts of a live capture at this interval; 0 prints none.",
    )


@dataclass(frozen=True)
class ReadOptions(DeliveryOptions, LiveOptions, DocumentOptions, DissectingOptions, FilterOptions, SourceOptions):
    """Options of espcap without a command."""

    again: bool = option(
        "--again", help="Read all files again, also those that are stored or were pruned. No packet is stored twice."
    )
    dry_run: bool = option(
        "--dry-run", help="Read files, follow flows and transactions, and count; neither store nor print documents."
    )
    pretty: bool = option("--pretty", help="Print documents as indented JSON, also on a terminal.")
