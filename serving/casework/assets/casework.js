// GOV.UK Frontend's own behaviours; every page works without them.
import { initAll } from "./govuk-frontend.min.js";

initAll();
