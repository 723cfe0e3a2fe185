// Hatches for what has no value, or none to be compared. Told apart without any colour.

const INK = "rgba(70, 78, 86, 0.85)";
const HALO = "rgba(255, 255, 255, 0.85)";

/** How each kind is drawn on a square of `size`. */
const KINDS = {
  no_data: (pen, size) => stroke(pen, size, size / 9, INK),
  not_shown: (pen, size) => {
    for (const [x, y] of [[0.25, 0.25], [0.75, 0.75]]) pen.fillRect(x * size - 1, y * size - 1, 2, 2);
  },
  few: (pen, size) => {
    pen.lineWidth = size / 12;
    for (const [x, y] of [[0.25, 0.25], [0.75, 0.75]]) {
      pen.beginPath();
      pen.arc(x * size, y * size, size / 7, 0, 2 * Math.PI);
      pen.stroke();
    }
  },
  // Over a colour, dark or light: two strokes beside each other, one of which is seen.
  low: (pen, size) => {
    pen.setTransform(-1, 0, 0, 1, size, 0);
    stroke(pen, size, size / 5, HALO);
    stroke(pen, size, size / 11, INK);
  },
};

/** A hatch as an image: wide strokes for "no data", fine dots for "not shown", rings for "few", strokes the other way for "low". */
export function hatch(kind, size = 16) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  pen.strokeStyle = pen.fillStyle = INK;
  KINDS[kind](pen, size);
  return canvas;
}

/** A hatch as MapLibre takes it. */
export function picture(kind) {
  const canvas = hatch(kind);
  return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
}

function stroke(pen, size, width, ink) {
  Object.assign(pen, { lineWidth: width, strokeStyle: ink });
  for (const shift of [-size, 0, size]) {
    pen.beginPath();
    pen.moveTo(shift - size, 2 * size); // beyond the square, so that strokes go on from one to the next
    pen.lineTo(shift + 2 * size, -size);
    pen.stroke();
  }
}
