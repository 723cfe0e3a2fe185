// Why a block is on the list, as a sentence; and what is known of the phone of the one who works there.

import { age } from "./calendar.js";
import { ago, duration, number, t } from "./texts.js";

/** The reason of a row of /v1/gaps, with the enumerator's name where the reader may know it. */
export function reason(row) {
  const said = t(`reason.${row.reason}`, {
    who: row.enumerator ?? t("gaps.an_enumerator"),
    queued: number(row.waiting ?? row.queued),
    hours: row.heard_at ? duration(age(row.heard_at)) : "",
  });
  return row.enumerator ? said : said.replace(/(^|\. )\p{Ll}/gu, (start) => start.toUpperCase());
}

/** "phone heard 2 hours ago · 12 records wait on it", as parts; none where nothing is known of any phone. */
export function phone(row) {
  if (!row.enumerator && !row.heard_at) return [];
  return [
    row.heard_at ? t("gaps.heard", { ago: ago(age(row.heard_at)) }) : t("gaps.never_heard"),
    ...(row.queued > 0 ? [t("gaps.queued", { n: number(row.queued) })] : []),
  ];
}
