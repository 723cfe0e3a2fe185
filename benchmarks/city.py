"""A simulated city and its whole month as files, for benchmarks that need blocks, truth and dirt.

    PYTHONPATH=. .venv/bin/python benchmarks/city.py FOLDER --scale city --seed 22

Writes what the demo plays: blocks (GeoJSON), prelist, expected families, assignments, footprints, welfare, sites, every
submission of the month in the order of recording (CSV), and the truth. Then, for example:

    ./cakupan areas import block=FOLDER/blocks_simulated.geojson --edition 2022_2
    ./cakupan households import FOLDER/submissions_simulated.csv
"""

import argparse
from pathlib import Path

from app.demo import files, truth, welfare_files
from app.demo.city import SCALES, build
from app.demo.month import plan
from app.demo.rates import CLEAN, Rates
from app.demo.sites import draw_sites
from app.demo.welfare import draw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", choices=SCALES, default="district")
    parser.add_argument("--seed", type=int, default=22)
    parser.add_argument("--clean", action="store_true", help="plant nothing")
    given = parser.parse_args()
    rates = CLEAN if given.clean else Rates()
    city = build(given.seed, given.scale)
    welfare = draw(city, given.seed)
    fieldwork = plan(city, rates, given.seed, welfare.status)
    sites = draw_sites(city, welfare, given.seed)
    files.write(given.folder, city, fieldwork, welfare, sites)
    files.write_submissions(given.folder, city, fieldwork)
    truth.write(given.folder / "truth.json", city, fieldwork, rates, welfare_files.truth(welfare, sites))
    print(f"{given.folder}: {len(city.blocks):,} blocks, {len(fieldwork.visits):,} submissions, simulated")


if __name__ == "__main__":
    main()
