// The switches above the map: which measure, cells, single households, and the projector's large type.

const place = (id) => document.getElementById(id);
const radios = () => [...place("measures").querySelectorAll("input")];

/** Owns the switches. `onMeasure(name)` and `onFlip(name, on)` are called when somebody uses them. */
export class Tools {
  constructor({ onMeasure, onFlip }) {
    for (const radio of radios()) radio.addEventListener("change", () => onMeasure(radio.value));
    for (const id of ["cells", "points", "projector"]) {
      place(id)?.addEventListener("change", (event) => onFlip(id, event.target.checked));
    }
  }

  /**
   * Set them as the view is. What is known of now alone (last seen, cells, households) is disabled on a past day, and
   * a line beside the switches says why.
   */
  show({ measure, cells, points, projector, past }) {
    for (const radio of radios()) {
      radio.checked = radio.value === measure;
      if (radio.value === "seen") unable(radio, past);
    }
    for (const [id, on] of Object.entries({ cells, points })) {
      if (!place(id)) continue;
      place(id).checked = on;
      unable(place(id), past);
    }
    place("why-not").hidden = !past;
    place("projector").checked = projector;
    document.body.classList.toggle("projector", projector);
  }

  /** Say whether households can be seen as near as the map is; `words` say it. */
  near(near, words) {
    const label = place("points")?.closest("label");
    if (!label) return;
    label.title = words;
    label.classList.toggle("far", !near);
  }
}

function unable(input, past) {
  input.disabled = past;
  if (past) input.setAttribute("aria-describedby", "why-not");
  else input.removeAttribute("aria-describedby");
}
