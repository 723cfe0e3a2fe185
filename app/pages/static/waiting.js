// Opens the page as soon as there is a campaign.

setInterval(async () => {
  const answer = await fetch("/readyz").catch(() => null);
  if (answer?.ok && (await answer.json()).campaign) location.reload();
}, 3000);
