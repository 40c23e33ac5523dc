"""What a run needs, found and opened: the job, and what earlier runs have done."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from espcap.checkpoints import Checkpoints, open_checkpoints
from espcap.digests import Digests, digest_settings
from espcap.documents import HEAD
from espcap.errors import EspcapError, UsageError
from espcap.fields import open_registry
from espcap.folders import is_local
from espcap.ledger import ledger_path
from espcap.own_fields import find_own
from espcap.pipeline import Job, Pipeline
from espcap.protocols import read_list
from espcap.stores import Store
from espcap.tshark.arguments import Settings
from espcap.tshark.output import check_settings, hand_over_files
from espcap.tshark.plugin import open_plugin
from espcap.tshark.program import Program, User, dissecting_user


def open_job(
    program: Program, settings: Settings, nodes: Sequence[str], payload: bool = False, protocols: str = "", **own: Any
) -> Job:
    """The job of reading with these settings into the store that `nodes` name, or none.

    `protocols` is a file, `own` is the rest of a Job. Raises UsageError where tshark refuses a filter, a rule or a
    preference.
    """
    user, listed = dissecting_user(program), read_list(protocols)
    digests = digest_settings(program, settings, payload, protocols)
    settings = hand_over_files(settings, user)
    if settings.display_filter or settings.decode_as or settings.preferences:
        check_words(program, settings, user)
    registry = open_registry(program, settings.profile_folder)
    if settings.profile_folder:
        registry.own = find_own(program, registry, settings.profile_folder)
        listed = listed.with_own(name for name, _ in registry.own.protocols)
    plugin = open_plugin(program, registry, user, HEAD, payload)
    settings = replace(settings, plugin=plugin and replace(plugin, terms=is_local(nodes)))
    return Job(program, registry, listed, settings, user, payload, digests, **own)


def check_words(program: Program, settings: Settings, user: User | None) -> None:
    """Raises UsageError where tshark refuses the filter, a rule or a preference."""
    ended = check_settings(program, settings, user)
    if ended.status:
        raise UsageError(ended.message, "see man wireshark-filter, and -d and -o in man tshark")


def close_job(job: Job) -> None:
    """Closes its registry, and the files that its tsharks inherited. A program that ends with the job need not."""
    job.registry.close()
    plugin = job.settings.plugin
    for descriptor in (*job.settings.descriptors, *(plugin.descriptors if plugin else ())):
        os.close(descriptor)


def open_verified_checkpoints(
    pipeline: Pipeline, store: Store, nodes: Sequence[str], digests: Digests, again: bool
) -> Checkpoints | None:
    """What earlier runs have stored and the store still has; None where the ledger fails. Notes tell of what is lost.

    `digests` are those of the settings that the user gave.
    """
    checkpoints = open_checkpoints(ledger_path(nodes), digests, pipeline.note, again)
    if checkpoints:
        if lost := checkpoints.verify(store):
            pipeline.note(EspcapError(f"{lost:,} captures are read again: the node has lost some of their packets"))
        if replaced := checkpoints.verify_settings(store):
            pipeline.note(EspcapError(f"{replaced:,} captures are read again: other settings have replaced packets"))
    return checkpoints
