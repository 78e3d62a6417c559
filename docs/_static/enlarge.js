// A figure fills the screen when it is pressed; on a phone its text is too small otherwise.
"use strict";

{
  const close = Object.assign(document.createElement("button"), { type: "button", textContent: "Close" });
  const dialog = Object.assign(document.createElement("dialog"), { className: "enlarged" });
  dialog.addEventListener("click", () => dialog.close());

  function enlarge(image) {
    dialog.replaceChildren(close, image.cloneNode());
    dialog.showModal();
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.body.append(dialog);
    for (const image of document.querySelectorAll("article img")) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "enlarge" });
      button.setAttribute("aria-label", `Enlarge the figure: ${image.alt}`);
      button.addEventListener("click", () => enlarge(image));
      image.replaceWith(button);
      button.append(image);
    }
  });
}
