// Signs of places: the outline tells the programme, the filling how full a site is. Told apart without any colour.

const INK = "#14202a";
const PAPER = "#ffffff";

/** Corners of each outline on a square from −1 to 1; a circle has none. */
const OUTLINES = [
  null,
  [[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]],
  [[0, -1.05], [1.02, 0.8], [-1.02, 0.8]],
  [[0, -1.12], [1.12, 0], [0, 1.12], [-1.12, 0]],
  [[-1.02, -0.8], [1.02, -0.8], [0, 1.05]],
  [[0, -1.08], [1.03, -0.33], [0.63, 0.87], [-0.63, 0.87], [-1.03, -0.33]],
];

/** How full sites are, and what of the sign is filled. */
export const FULL = ["unknown", "within", "near", "over"];

/** The sign of a site of the programme at a `place` in the list of programmes, as a canvas of `size` pixels. */
export function sign(place, fullness, size = 26) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  const of = 0.34 * size;
  pen.translate(size / 2, size / 2);
  outline(pen, OUTLINES[place % OUTLINES.length], of);
  pen.lineJoin = "round";
  stroke(pen, PAPER, 0.24 * size);
  stroke(pen, INK, 0.13 * size);
  pen.fillStyle = fullness === "over" ? INK : PAPER;
  pen.fill();
  if (fullness === "near") half(pen, of);
  if (fullness === "over") mark(pen, size);
  if (fullness === "unknown") dot(pen, size);
  return canvas;
}

/** The same as an image that MapLibre takes. */
export function drawn(place, fullness, size = 52) {
  return sign(place, fullness, size).getContext("2d").getImageData(0, 0, size, size);
}

function outline(pen, corners, of) {
  pen.beginPath();
  if (corners === null) pen.arc(0, 0, of, 0, 2 * Math.PI);
  else corners.forEach(([x, y], at) => pen[at ? "lineTo" : "moveTo"](x * of, y * of));
  pen.closePath();
}

function stroke(pen, shade, width) {
  Object.assign(pen, { strokeStyle: shade, lineWidth: width });
  pen.stroke();
}

/** Nearly full: the lower half. */
function half(pen, of) {
  pen.save();
  pen.clip();
  pen.fillStyle = INK;
  pen.fillRect(-2 * of, 0, 4 * of, 2 * of);
  pen.restore();
}

/** Over: an exclamation mark. */
function mark(pen, size) {
  pen.fillStyle = PAPER;
  pen.fillRect(-0.045 * size, -0.2 * size, 0.09 * size, 0.24 * size);
  pen.fillRect(-0.045 * size, 0.09 * size, 0.09 * size, 0.09 * size);
}

/** Not known: a small dot. */
function dot(pen, size) {
  pen.fillStyle = INK;
  pen.beginPath();
  pen.arc(0, 0, 0.08 * size, 0, 2 * Math.PI);
  pen.fill();
}
