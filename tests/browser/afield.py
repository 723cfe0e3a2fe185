"""What the tests of pages without a network share: what the browser keeps, and a page's own way to write."""

import asyncio
import re
import time

from tests.world import submission

#: What a browser says aloud of a request that did not get through: these tests make it so.
EXPECTED = re.compile(r"Failed to load resource|ERR_|net::|409|403|401|404")

MODULE = "`${document.body.dataset.assets}/static/copies.js`"


async def settled(page) -> None:
    """Wait until the service worker has what it keeps, and the copies are written."""
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await until(page, f"({SHELLS})().then((found) => found.includes('/gaps'))")


SHELLS = """async () => {
  const stores = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
  const kept = await Promise.all(stores.map((store) => store.keys()));
  return kept.flat().map(({ url }) => new URL(url).pathname);
}"""

COPIES = """async () => {
  const { all } = await import(`${document.body.dataset.assets}/static/stored.js`);
  await all();
  return new Promise((resolve) => {
    indexedDB.open("cakupan").onsuccess = ({ target: { result: db } }) => {
      db.transaction("copies").objectStore("copies").getAll().onsuccess = ({ target: { result } }) => {
        db.close();
        resolve(result.filter((one) => one.text));
      };
    };
  });
}"""


async def until(page, check: str, seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    while not await page.evaluate(check):
        assert time.monotonic() < limit, f"it did not come: {check}"
        await asyncio.sleep(0.05)


async def shells(page) -> list[str]:
    return [path for path in await page.evaluate(SHELLS) if not path.startswith("/assets/")]


async def copies(page) -> list[dict]:
    return await page.evaluate(COPIES)


async def send(page, body, path="/v1/submissions", about="Mencatat satu keluarga"):
    """What a page does to write: `{queued}`, or `{refused: code}`."""
    return await page.evaluate(
        f"""([path, body, about]) => import({MODULE})
          .then(({{ send }}) => send(path, body, about))
          .then(({{ queued }}) => ({{ queued }}), ({{ code }}) => ({{ refused: code }}))""",
        [path, body, about],
    )


def household(number: int) -> dict:
    """A write that the server does once however often it comes."""
    return {"submissions": [submission(number)]}


def answered(context) -> list[str]:
    """Ids of the submissions that the server answered, as they come."""
    found: list[str] = []

    def note(answer) -> None:
        if answer.url.endswith("/v1/submissions"):
            found.append(answer.request.post_data_json["submissions"][0]["submission_id"])

    context.on("response", note)
    return found


def completed(service) -> int:
    with service.client() as client:
        return client.get("/v1/coverage", params={"level": "scope"}).json()["coverage"][0]["completed"]


async def soon(check, seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < limit, "it did not come"
        await asyncio.sleep(0.1)
