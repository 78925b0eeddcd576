// GOV.UK Frontend's own behaviours; every page works without them.
import { initAll } from "./govuk-frontend.min.js";

initAll();

// Shuts a page whose session ended: nobody reads on in what they may not open any more.
const SECONDS = 15;

async function ask() {
  try {
    const answer = await fetch("/session", { cache: "no-store", credentials: "same-origin" });
    if (answer.status === 401) {
      document.documentElement.hidden = true;
      location.replace("/sign-in?ended=shut");
    }
  } catch {
    // The service or the network is away: the next one tells.
  }
}

if (document.querySelector('form[action="/sign-out"]')) {
  setInterval(ask, SECONDS * 1000);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && ask());
  window.addEventListener("pageshow", (event) => event.persisted && ask());
}
