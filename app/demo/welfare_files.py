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
from app.demo.sites import Site, unserved
from app.demo.terrain import distances_m
from app.demo.welfare import REASONS, Welfare
from geo.errors import BadInput
from geo.ground.cells import to_hex

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
