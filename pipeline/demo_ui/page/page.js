// Shows what the models of this run can do.
import { ask, at } from "./common.js";
import { start as startPainting } from "./paint.js";
import { start as startReading } from "./read.js";

const about = await ask("/api/about");
at("paint").hidden = !about.generator;
at("read").hidden = !(about.captioner || about.encoder);
at("saying").hidden = !about.captioner;
at("encoded").hidden = !about.encoder;
startPainting(about.examples);
startReading();
document.body.dataset.ready = "yes";
