// On the log-in page nobody is logged in: copies go, also those of a session that ended by itself. Writes that wait stay.

import { all, erase } from "./stored.js";

erase();
const n = (await all()).filter((entry) => entry.state === "waiting").length;
const said = document.getElementById("kept");
if (n) said.textContent = said.dataset[n === 1 ? "one" : "more"].replace("{n}", n);
said.hidden = !n;
