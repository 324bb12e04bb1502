// A picture in; its caption with attention, its attributes and its nearest captions out.
import { ask, at, make, working } from "./common.js";

const MAX_BYTES = 32 * 2 ** 20;
let turn = 0;

export function describe(file) {
  turn += 1;
  const mine = turn;
  return working("read", null, "Looking …", async () => {
    at("described").hidden = true;
    if (file.size > MAX_BYTES) {
      throw new Error("The file is larger than 32 MB. Choose a smaller one.");
    }
    const answer = await ask("/api/read", { method: "POST", body: file });
    if (mine === turn) show(answer);
    return answer.note;
  });
}

function show({ png, words = [], sentences = {}, attributes = [], nearest = [] }) {
  const picture = at("picture");
  picture.onload = () => picture.classList.toggle("small", picture.naturalWidth < 128);
  picture.src = `data:image/png;base64,${png}`;
  draw(null);
  at("words").replaceChildren(...words.map(wordButton));
  at("sentences").replaceChildren(
    ...Object.entries(sentences).flatMap(([language, text]) => [
      make("dt", { textContent: language }),
      make("dd", { textContent: text || "(no words)", lang: language }),
    ]),
  );
  at("attributes").replaceChildren(...attributes.map(attributeRow));
  at("nearest").replaceChildren(
    ...nearest.map(([text, score]) =>
      make("li", {}, make("span", { textContent: text }), make("output", { textContent: score.toFixed(2) })),
    ),
  );
  at("no-nearest").hidden = nearest.length > 0;
  at("described").hidden = false;
}

function wordButton({ text, attention }) {
  const button = make("button", { type: "button", textContent: text });
  button.setAttribute("aria-pressed", "false");
  const light = () => {
    for (const other of at("words").children) other.setAttribute("aria-pressed", String(other === button));
    draw(attention);
  };
  for (const event of ["click", "focus", "pointerenter"]) button.addEventListener(event, light);
  return button;
}

function attributeRow({ name, score, is_present }) {
  const meter = make("meter", { min: 0, max: 1, value: score });
  meter.setAttribute("aria-hidden", "true");
  const row = make("li", {}, make("span", { textContent: name }), meter, make("output", { textContent: score.toFixed(2) }));
  row.classList.toggle("present", is_present);
  return row;
}

// Darkens the picture where the captioner did not look; the place it looked at most stays clear.
function draw(attention) {
  const canvas = at("attention");
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  canvas.dataset.shown = attention ? "yes" : "no";
  if (!attention) return;
  const rows = attention.length;
  const columns = attention[0].length;
  const most = Math.max(...attention.flat());
  const small = make("canvas", { width: columns, height: rows });
  const veil = new ImageData(columns, rows);
  attention.flat().forEach((weight, place) => {
    veil.data[4 * place + 3] = Math.round(205 * (1 - weight / most));
  });
  small.getContext("2d").putImageData(veil, 0, 0);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(small, 0, 0, canvas.width, canvas.height);
}

function picked(files) {
  const file = files?.[0];
  if (file) describe(file);
}

export function start() {
  const drop = at("drop");
  at("file").addEventListener("change", (event) => picked(event.target.files));
  // Dropped beside the target, a picture would replace the page.
  for (const event of ["dragover", "drop"]) {
    document.addEventListener(event, (dragged) => dragged.preventDefault());
  }
  drop.addEventListener("dragover", () => drop.classList.add("over"));
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    drop.classList.remove("over");
    picked(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    if (!at("read").hidden) picked(event.clipboardData.files);
  });
}
