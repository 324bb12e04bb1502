// What both halves of the page use.
export const at = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Is tuwen demo-ui still running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error(answer.error || `The server failed with status ${response.status}; its terminal says why.`);
  }
  return answer;
}

// Runs one request: the button waits, the status says so, and an error is shown where it belongs.
export async function working(name, button, saying, request) {
  at(`${name}-error`).textContent = "";
  at(`${name}-status`).textContent = saying;
  if (button) button.disabled = true;
  try {
    at(`${name}-status`).textContent = (await request()) || "";
  } catch (error) {
    at(`${name}-status`).textContent = "";
    at(`${name}-error`).textContent = error.message;
  } finally {
    if (button) button.disabled = false;
  }
}
