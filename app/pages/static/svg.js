/** Drawings are made of elements with names of their own, as pages are (`h` of page.js). */
const SPACE = "http://www.w3.org/2000/svg";

/** An element of a drawing; children that are null or false are left out, lists of them laid flat. */
export function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.flat(2).filter((child) => child !== null && child !== false && child !== undefined));
  return made;
}
