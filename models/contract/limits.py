"""Bounds that both sides keep, so that no message can take a process down (wire.md 2, *Limits*).

The sender refuses to build what lies beyond a bound; the receiver refuses to read it and puts it into quarantine.
"""

from __future__ import annotations

from typing import Final

PAYLOAD_BYTES: Final = 131_072
"""One MQTT payload. Brokers for plants often allow 256 KiB; half of it leaves room for their own header."""

METRICS_PER_PAYLOAD: Final = 4_096
"""Metrics in one payload, templates included. The birth of a 32-channel machine declares about 1,100."""

STRING_CHARS: Final = 32_768
"""Characters of a string, and bytes of a name or key. An alarm record is the longest of ours, 16 KiB."""

NESTING: Final = 8
"""Depth of templates within templates and of property sets within property sets."""

CONTAINER_ENTRIES: Final = 65_536
"""Properties, rows, cells, columns and parameters of one payload, counted together; a cell may take two bytes."""

ALARM_RECORD_BYTES: Final = 16_384
"""JSON of one alarm report (wire.md 3, *Alarm/Record*)."""

EVIDENCE_PART_BYTES: Final = 65_536
"""Data of one part of an evidence package; half a payload, so that resending one part stays cheap."""

EVIDENCE_PARTS: Final = 64
"""Parts of one evidence package."""

EVIDENCE_PACKAGE_BYTES: Final = EVIDENCE_PARTS * EVIDENCE_PART_BYTES
"""One packed evidence package."""

EVIDENCE_UNPACKED_BYTES: Final = 16 * 1_048_576
"""An evidence package after decompression: 4 channels, 10 s at 51.2 kHz in int16, four times over."""

FEATURES_PER_SUMMARY: Final = 1_024
"""Features of all channels of one machine; 17 default features on 60 channels."""

BAD_WINDOW_CAUSES: Final = 32
"""Different causes counted in one summary."""

EVIDENCE_LINES: Final = 64
"""Spectral lines stated in one diagnosis."""

ID_CHARS: Final = 128
"""Characters of a group, gateway, machine or host id."""

ACKNOWLEDGED_RANGES: Final = 512
"""Closed ranges in one acknowledgement: 500 records that each stand alone, and room for a few more."""

ACKNOWLEDGED_CHARS: Final = 32_768
"""Characters of one acknowledgement; 512 ranges of the longest numbers need two thirds of it."""

UINT64_MAX: Final = 2**64 - 1
