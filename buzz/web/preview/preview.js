"use strict";
// Gives each frame the height of its letter, and draws the page anew when a file was saved.
for (const frame of document.querySelectorAll("iframe")) {
  const fit = () => {
    const letter = frame.contentDocument;
    if (letter && letter.body) frame.height = letter.documentElement.scrollHeight;
  };
  frame.addEventListener("load", fit);
  fit();
}
const changes = new EventSource("/changes?since=" + document.body.dataset.state);
changes.onmessage = () => { changes.close(); location.reload(); };
