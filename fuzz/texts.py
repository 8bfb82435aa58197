"""Texts of cases in the store, for those that do not follow from the campaign's seed alone."""

from __future__ import annotations

import zlib

from sqlalchemy import select

from misfold.programs.errors import StoreError

from .store import Campaign, CaseRow, Store


def packed(text: str) -> bytes:
    """As it is stored: a fifth of its size."""
    return zlib.compress(text.encode("utf-8"))


def case_text(store: Store, campaign: Campaign, index: int) -> str | None:
    """The text of a case, if it was kept.

    Raises:
        StoreError: there is no case of this index.
    """
    with store.session() as session:
        query = select(CaseRow.text).where(CaseRow.campaign_id == campaign.id, CaseRow.index == index)
        found = session.execute(query).first()
    if found is None:
        raise StoreError(f"{store.folder}: no case {index} was made")
    return None if found[0] is None else zlib.decompress(found[0]).decode("utf-8")
