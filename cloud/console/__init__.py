"""The web pages: shells rendered here, filled in the browser from the API under /api/v1.

In this order: a browser asks for a page, `pages` answers with a shell (headings, tables, skeleton rows) under a
strict Content-Security-Policy; the page's one JavaScript module in `static/` fetches JSON and fills the shell;
`/api/v1/events` then says what changed and the page fetches that again. Nothing is built and nothing comes from
another host.
"""

from __future__ import annotations

from cloud.console.pages import mount

__all__ = ["mount"]
