"""The simulated welfare as files, as an office would get them, and the truth behind them, for scoring what is found.

The files tell nothing of what was planted; the truth tells all. Every row says that it is simulated.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from app.demo.city import City
from app.demo.clusters import Cluster
from app.demo.fieldwork import Fieldwork
from app.demo.sites import Site, unserved
from app.demo.terrain import distances_m
from app.demo.truth import expected_outcome
from app.demo.welfare import REASONS, Welfare
from geo.errors import BadInput
from geo.ground.cells import to_hex
from geo.schema import RESULTS

FIELD_STATUS = "field_status_simulated.csv"
CONSULTATION = "consultation_simulated.csv"
SCORES = "scores_simulated.csv"
SITES_TABLE = "sites_simulated.csv"
SITES_MAP = "sites_simulated.geojson"
_SITE = ("site_id", "programme", "kind", "name", "lon", "lat", "capacity")


def write(folder: Path, city: City, welfare: Welfare, sites: list[Site], household_ids: Sequence[str]) -> None:
    """Write the five files into `folder`. `household_ids` (F,): of each family, "" where it has none: left out.

    CSV is UTF-8 with BOM, so that spreadsheets read it right; GeoJSON is EPSG:4326. Raises `BadInput` where there are
    not as many ids as families.
    """
    if len(household_ids) != len(city.families):
        raise BadInput(f"{len(city.families)} families need as many household ids, not {len(household_ids)}")
    kept = np.flatnonzero([bool(household) for household in household_ids])
    ids = [household for household in household_ids if household]
    code, why = np.array(city.blocks.code, object), np.array(REASONS, object)
    w = welfare
    _table(folder / FIELD_STATUS, ("household_id", "field_status"), (ids, w.status[kept].tolist()))
    _table(
        folder / CONSULTATION,
        ("household_id", "block", "before", "after", "reason"),
        (ids, code[w.forum[kept]], w.before[kept].tolist(), w.after[kept].tolist(), why[w.reason[kept]]),
    )
    scores = [f"{score:.3f}" for score in w.score[kept].tolist()]
    _table(
        folder / SCORES,
        ("household_id", "score", "rank", "decile"),
        (ids, scores, w.rank[kept].tolist(), w.decile[kept].tolist()),
    )
    rows = [[getattr(site, name) for name in _SITE] for site in sites]
    _table(folder / SITES_TABLE, _SITE, list(zip(*rows, strict=True)))
    (folder / SITES_MAP).write_text(json.dumps(_features(rows), ensure_ascii=False), encoding="utf-8")


def truth(welfare: Welfare, sites: list[Site]) -> dict[str, Any]:
    """All that was planted, ready for JSON; cells as hexadecimal text, distances in metres from a cluster's centre."""
    here = welfare.forum == welfare.outlier_forum
    change = np.sign(welfare.after - welfare.before)
    return {
        "simulated": True,
        "seed": welfare.seed,
        "families": len(here),
        "poor": int(welfare.poor.sum()),
        "poor_final": int((welfare.after <= 2).sum()),
        "clusters": [_cluster(cluster, sites) for cluster in welfare.clusters],
        "clusters_without_site": unserved(welfare, sites),
        "outlier_forum": {
            "block": welfare.outlier,
            "families": int(here.sum()),
            "moved_poorer": int((change[here] < 0).sum()),
            "moved_richer": int((change[here] > 0).sum()),
        },
        "consultation": {"moved_poorer": int((change < 0).sum()), "moved_richer": int((change > 0).sum())},
        "planted_sites": [
            {name: getattr(site, name) for name in (*_SITE, "planted", "why", "demand")}
            for site in sites
            if site.planted
        ],
    }


def by_block(city: City, fieldwork: Fieldwork, welfare: Welfare, household_ids: Sequence[str]) -> list[dict[str, Any]]:
    """What the published tables would say of each block without any noise or gate, once all is counted; ready for JSON.

    `households` counted there, of them poor or very poor by the field status at the door (`poor`) and after the
    consultation (`poor_final`); `families` live there, of them as many are poor (`families_poor`, `_poor_final`).
    `household_ids` (F,): the id by which the office knows each family, "" where it has none.
    """
    outcome, blocks = expected_outcome(fieldwork), len(city.blocks)
    known = {household: family for family, household in enumerate(household_ids) if household}
    family = np.array([known.get(household, -1) for household in fieldwork.household_id], np.int64)
    counted = outcome.result == RESULTS.index("completed")
    status = np.where(counted, fieldwork.visits.welfare[outcome.visit], 0)
    lives, after = city.families.block, welfare.after <= 2
    sums = {
        "households": np.bincount(outcome.block[counted], minlength=blocks),
        "poor": np.bincount(outcome.block[(status == 1) | (status == 2)], minlength=blocks),
        "poor_final": np.bincount(outcome.block[counted & (family >= 0) & after[family]], minlength=blocks),
        "families": np.bincount(lives, minlength=blocks),
        "families_poor": np.bincount(lives[welfare.poor], minlength=blocks),
        "families_poor_final": np.bincount(lives[after], minlength=blocks),
    }
    columns = [city.blocks.code, *(column.tolist() for column in sums.values())]
    return [dict(zip(("code", *sums), row, strict=True)) for row in zip(*columns, strict=True)]


def _cluster(cluster: Cluster, sites: list[Site]) -> dict[str, Any]:
    lons, lats = np.array([site.lon for site in sites]), np.array([site.lat for site in sites])
    away = distances_m(cluster.lon, cluster.lat, lons, lats)
    found = asdict(cluster) | {"blocks": list(cluster.blocks), "cells": [to_hex(cell) for cell in cluster.cells]}
    return found | {"nearest_site_m": round(float(away.min()), 1) if len(away) else None}


def _table(path: Path, names: Sequence[str], columns: Sequence[Iterable[Any]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow([*names, "is_simulated"])
        out.writerows((*row, "true") for row in zip(*columns, strict=True))


def _features(rows: list[list[Any]]) -> dict[str, Any]:
    features = []
    for row in rows:
        said = dict(zip(_SITE, row, strict=True)) | {"is_simulated": True}
        point = {"type": "Point", "coordinates": [said.pop("lon"), said.pop("lat")]}
        features.append({"type": "Feature", "id": said["site_id"], "geometry": point, "properties": said})
    return {"type": "FeatureCollection", "simulated": True, "features": features}
