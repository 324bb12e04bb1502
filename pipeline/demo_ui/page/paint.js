// A caption in, pictures out.
import { ask, at, make, working } from "./common.js";
import { describe } from "./read.js";

const MAX_SEED = 2147483647;

function figure({ png, label }, text) {
  const source = `data:image/png;base64,${png}`;
  const image = make("img", { src: source, alt: `${text}, ${label}` });
  const save = make("a", { href: source, download: `${label.replace(/\W+/g, "-")}.png`, textContent: "Save" });
  save.setAttribute("aria-label", `Save ${label}`);
  const links = make("span", { className: "links" }, save);
  if (at("read").hidden === false) {
    const back = make("button", { type: "button", textContent: "Describe" });
    back.setAttribute("aria-label", `Describe ${label}`);
    back.addEventListener("click", () => {
      at("read").scrollIntoView({ behavior: "smooth" });
      describe(new Blob([Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0))]));
    });
    links.append(back);
  }
  return make("figure", {}, image, make("figcaption", {}, make("span", { textContent: label }), links));
}

async function paint() {
  const text = at("text").value.trim();
  if (!text) {
    at("text").focus();
    throw new Error("Write a caption first: the box is empty.");
  }
  const asked = {
    text,
    other_text: at("mix").open ? at("other").value : "",
    seed: at("seed").valueAsNumber,
    count: at("count").valueAsNumber,
    truncation: at("truncation").valueAsNumber,
  };
  const answer = await ask("/api/paint", { method: "POST", body: JSON.stringify(asked) });
  at("pictures").replaceChildren(...answer.pictures.map((picture) => figure(picture, text)));
  return answer.note;
}

function submit(event) {
  event?.preventDefault();
  working("paint", document.querySelector("#paint-form .main"), "Painting …", paint);
}

export function start(examples) {
  at("paint-form").addEventListener("submit", submit);
  at("text").addEventListener("keydown", (event) => {
    // Enter while an input method composes belongs to the input method.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
  });
  at("truncation").addEventListener("input", () => {
    at("truncation-value").textContent = at("truncation").valueAsNumber.toFixed(1);
  });
  at("mix").addEventListener("toggle", () => {
    at("truncation").disabled = at("mix").open;
  });
  at("dice").addEventListener("click", () => {
    at("seed").value = Math.floor(Math.random() * MAX_SEED);
    if (at("text").value.trim()) submit();
  });
  for (const text of examples) {
    const chip = make("button", { type: "button", textContent: text });
    chip.addEventListener("click", () => {
      at("text").value = text;
      submit();
    });
    at("examples").append(chip);
  }
}
