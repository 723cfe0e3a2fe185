"""Asks QGIS what it reads in a vector tile layer. Run by Debian's own Python, which alone has QGIS; standard input and
output are JSON.

QGIS 3.22 shows no features of a vector tile to programs but through the tool that a person points with, so that is
what is used, on a map canvas that nobody sees.
"""

import json
import sys

from qgis.core import QgsApplication, QgsCoordinateReferenceSystem, QgsPointXY, QgsRectangle, QgsVectorTileLayer
from qgis.gui import QgsMapCanvas, QgsMapToolIdentify

#: Pixels of the canvas' side: a zoom of tiles is 512 pixels wide.
SIDE = 512


def main() -> None:
    asked = json.load(sys.stdin)
    application = QgsApplication([], True)
    application.initQgis()
    layer = QgsVectorTileLayer(f"type=xyz&zmin=0&zmax=16&url={asked['url']}", "tiles")
    if not layer.isValid():
        raise SystemExit("QGIS does not take the layer")
    canvas = QgsMapCanvas()
    canvas.resize(SIDE, SIDE)
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    canvas.setLayers([layer])
    canvas.setExtent(QgsRectangle(*asked["box"]))
    tool = QgsMapToolIdentify(canvas)
    found = []
    for code, (x, y) in asked["points"].items():
        pixel = canvas.getCoordinateTransform().transform(QgsPointXY(x, y))
        results = tool.identify(int(pixel.x()), int(pixel.y()), [layer], QgsMapToolIdentify.TopDownAll)
        for one in results:
            feature = one.mFeature
            fields = dict(zip([f.name() for f in feature.fields()], feature.attributes(), strict=True))
            if fields["code"] == code:  # those next to it, within the reach of the pointer, come too
                found.append({"fields": fields, "geometry": bytes(feature.geometry().asWkb()).hex()})
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    application.exitQgis()


main()
