"""What is real in the simulated city, and what stands in for it: names and codes as facts, places and weights made up.

Names and codes of Kota Samarinda's 10 districts and 59 villages, and of the regencies of Kalimantan Timur, are those of
Badan Pusat Statistik. Where a village lies is our own rough arrangement, on a plane whose river runs straight from west
to east (`land` bends it); how many families it has is our own too. No outline of any real area is used. Districts and
villages of the other regencies are made up and say so in their names; their district codes begin with 9, which no
district has.
"""

from dataclasses import dataclass
from math import cos, pi, sin

PROVINCE = ("64", "Kalimantan Timur (simulasi)")
SAMARINDA = "6472"

#: Families of Kota Samarinda, and its people in the census of 2020, by which the other regencies are measured.
CITY_FAMILIES = 259_000
CITY_PEOPLE = 827_994

#: The village of the scale `small`, and the districts, on both banks, of the scale `district`.
SMALL = "6472021005"
DISTRICT = ("6472021", "6472030")

#: About how many families a made-up village has, and how many villages a made-up district.
MADE_UP_FAMILIES = 3_000
MADE_UP_VILLAGES = 8


@dataclass(frozen=True)
class Regency:
    """A regency. `lon`, `lat`: about its seat, moved where two would meet; `people`: census of 2020."""

    code: str
    name: str
    lon: float
    lat: float
    people: int

    @property
    def families(self) -> int:
        """About how many families the simulation gives it."""
        return round(self.people * CITY_FAMILIES / CITY_PEOPLE)


@dataclass(frozen=True)
class Village:
    """A village. `east`, `north`: kilometres from the city's centre on the river, the river running along north = 0."""

    code: str
    name: str
    families: int
    east: float
    north: float

    @property
    def district(self) -> str:
        """The code of its district."""
        return self.code[:7]


REGENCIES = (
    Regency("6401", "Paser", 116.19, -1.90, 275_452),
    Regency("6402", "Kutai Barat", 115.70, -0.23, 172_288),
    Regency("6403", "Kutai Kartanegara", 116.72, -0.30, 729_382),
    Regency("6404", "Kutai Timur", 117.50, 0.56, 434_459),
    Regency("6405", "Berau", 117.45, 2.12, 248_035),
    Regency("6409", "Penajam Paser Utara", 116.50, -1.35, 178_681),
    Regency("6411", "Mahakam Ulu", 115.30, 0.42, 32_513),
    Regency("6471", "Kota Balikpapan", 116.87, -1.20, 688_318),
    Regency("6472", "Kota Samarinda", 117.15, -0.50, CITY_PEOPLE),
    Regency("6474", "Kota Bontang", 117.47, 0.12, 178_917),
)

DISTRICTS = {
    "6472010": "Palaran",
    "6472020": "Samarinda Ilir",
    "6472021": "Samarinda Kota",
    "6472022": "Sambutan",
    "6472030": "Samarinda Seberang",
    "6472031": "Loa Janan Ilir",
    "6472040": "Sungai Kunjang",
    "6472050": "Samarinda Ulu",
    "6472060": "Samarinda Utara",
    "6472061": "Sungai Pinang",
}

VILLAGES = (
    Village("6472010001", "Simpang Pasir", 3_100, -0.3, -4.3),
    Village("6472010002", "Handil Bakti", 3_300, 3.6, -4.4),
    Village("6472010003", "Bantuas", 1_900, 7.8, -4.9),
    Village("6472010004", "Bukuan", 4_300, 7.0, -1.5),
    Village("6472010005", "Rawa Makmur", 6_400, 3.2, -1.3),
    Village("6472020006", "Selili", 5_600, 2.4, 0.75),
    Village("6472020007", "Sungai Dama", 3_100, 1.6, 0.55),
    Village("6472020008", "Sidodamai", 4_900, 1.65, 1.20),
    Village("6472020009", "Sidomulyo", 5_300, 2.3, 1.75),
    Village("6472020014", "Pelita", 4_700, 1.6, 2.00),
    Village("6472021001", "Bugis", 2_600, -0.55, 1.05),
    Village("6472021002", "Pasar Pagi", 1_900, -0.35, 0.50),
    Village("6472021003", "Pelabuhan", 1_900, 0.30, 0.50),
    Village("6472021004", "Sungai Pinang Luar", 3_600, 0.40, 1.15),
    Village("6472021005", "Karang Mumus", 820, 0.88, 0.42),
    Village("6472022001", "Pulau Atas", 1_500, 7.0, 1.1),
    Village("6472022002", "Sindang Sari", 1_300, 10.6, 1.2),
    Village("6472022003", "Makroman", 3_300, 9.4, 3.4),
    Village("6472022004", "Sambutan", 9_000, 4.7, 2.4),
    Village("6472022005", "Sungai Kapih", 5_800, 4.0, 0.9),
    Village("6472030001", "Mesjid", 3_900, 0.35, -0.60),
    Village("6472030002", "Baqa", 4_300, -0.95, -0.65),
    Village("6472030005", "Sungai Keledang", 4_000, -2.2, -0.85),
    Village("6472030006", "Mangkupalas", 2_300, 1.1, -0.70),
    Village("6472030007", "Tenun Samarinda", 2_300, -0.30, -0.55),
    Village("6472030008", "Gunung Panjang", 1_400, -1.3, -1.9),
    Village("6472031001", "Sengkotek", 3_300, -5.2, -0.8),
    Village("6472031002", "Simpang Tiga", 4_500, -6.6, -1.9),
    Village("6472031003", "Tani Aman", 4_100, -5.0, -3.4),
    Village("6472031004", "Harapan Baru", 4_500, -3.3, -2.0),
    Village("6472031005", "Rapak Dalam", 6_600, 0.2, -1.9),
    Village("6472040001", "Loa Buah", 2_600, -9.2, 1.2),
    Village("6472040002", "Loa Bakung", 10_400, -6.4, 0.9),
    Village("6472040003", "Karang Asam Ulu", 4_700, -4.2, 0.75),
    Village("6472040004", "Teluk Lerong Ulu", 5_000, -2.45, 0.70),
    Village("6472040005", "Lok Bahu", 7_000, -5.7, 3.0),
    Village("6472040006", "Karang Asam Ilir", 4_800, -3.25, 0.65),
    Village("6472040007", "Karang Anyar", 4_600, -3.2, 1.45),
    Village("6472050001", "Teluk Lerong Ilir", 4_800, -1.75, 0.65),
    Village("6472050002", "Jawa", 3_500, -1.10, 0.65),
    Village("6472050004", "Dadi Mulya", 4_400, -0.30, 1.75),
    Village("6472050005", "Sidodadi", 5_200, -0.9, 2.4),
    Village("6472050006", "Gunung Kelua", 5_300, -0.3, 3.8),
    Village("6472050007", "Air Hitam", 6_200, -2.2, 4.4),
    Village("6472050008", "Air Putih", 7_900, -2.3, 2.4),
    Village("6472050009", "Bukit Pinang", 2_300, -4.8, 5.6),
    Village("6472060004", "Lempake", 5_400, 3.5, 7.8),
    Village("6472060005", "Sempaja Selatan", 7_000, 0.4, 4.9),
    Village("6472060006", "Sungai Siring", 2_000, 10.0, 7.0),
    Village("6472060010", "Tanah Merah", 3_000, 6.6, 7.2),
    Village("6472060011", "Sempaja Utara", 5_300, -1.9, 9.5),
    Village("6472060012", "Sempaja Timur", 6_300, 0.5, 6.3),
    Village("6472060013", "Sempaja Barat", 3_900, -1.2, 6.1),
    Village("6472060014", "Budaya Pampang", 1_300, 6.4, 11.0),
    Village("6472061001", "Temindung Permai", 5_200, 0.5, 3.3),
    Village("6472061002", "Bandara", 3_000, 0.6, 2.3),
    Village("6472061003", "Sungai Pinang Dalam", 13_000, 2.7, 3.3),
    Village("6472061004", "Mugirejo", 5_480, 5.4, 4.6),
    Village("6472061005", "Gunung Lingai", 3_900, 2.7, 5.1),
)


def villages_of(regency: Regency) -> tuple[Village, ...]:
    """The villages of a regency, by code: real names for Kota Samarinda, made-up ones for the others."""
    return VILLAGES if regency.code == SAMARINDA else _made_up(regency)


def district_name(code: str) -> str:
    """The name of a district: real for Kota Samarinda, else a number that says it is simulated."""
    return DISTRICTS.get(code, f"Kecamatan Simulasi {int(code[5:])}")


def _made_up(regency: Regency) -> tuple[Village, ...]:
    """Villages strewn like the seeds of a sunflower, denser inside, and gathered into districts going round."""
    count = max(6, round(regency.families / MADE_UP_FAMILIES))
    reach = (0.95 if regency.name.startswith("Kota ") else 1.25) * count**0.5  # towns lie closer together
    turned = [(reach * ((i + 0.5) / count) ** 0.7, i * pi * (3 - 5**0.5)) for i in range(count)]
    inner, outer = turned[: count // 3], turned[count // 3 :]
    around = [sorted(part, key=lambda at: at[1] % (2 * pi)) for part in (inner, outer)]
    weights = [1.35 - 0.7 * far / reach for far, _ in around[0] + around[1]]
    found = []
    for i, (far, angle) in enumerate(around[0] + around[1]):
        code = f"{regency.code}9{i // MADE_UP_VILLAGES + 1:02d}{i % MADE_UP_VILLAGES + 1:03d}"
        families = round(regency.families * weights[i] / sum(weights))
        east, north = far * cos(angle), far * sin(angle)
        found.append(Village(code, f"Desa Simulasi {i + 1}", families, *_on_land(east, north)))
    return tuple(found)


def _on_land(east: float, north: float) -> tuple[float, float]:
    """The place moved off the river, and off the tributary that joins it from the north."""
    if abs(north) < 0.5:
        north = 0.5 if north >= 0 else -0.5
    if north > 0 and abs(east - TRIBUTARY_EAST) < 0.35:
        east = TRIBUTARY_EAST + (0.35 if east >= TRIBUTARY_EAST else -0.35)
    return east, north


#: Where the tributary joins the river, kilometres east of the centre.
TRIBUTARY_EAST = 1.2
