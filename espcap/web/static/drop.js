// Sends captures that are dropped on the page or chosen. The page then shows the progress of indexing.

const status = () => document.getElementById("status");
let within = 0;

function show(text, done, all) {
  const line = document.createElement("p");
  const bar = document.createElement("progress");
  bar.setAttribute("aria-label", text);
  bar.max = all;
  bar.value = done;
  line.append(bar, ` ${text}`);
  status().replaceChildren(line);
}

function send(file) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", `captures?${new URLSearchParams({ name: file.name })}`);
    request.upload.onprogress = (event) => show(`Sending ${file.name}`, event.loaded, event.total);
    request.onload = () => {
      status().textContent = "";
      const uploads = document.getElementById("uploads");
      uploads.insertAdjacentHTML("beforeend", request.responseText);
      htmx.process(uploads);
      resolve();
    };
    request.onerror = () => {
      status().textContent = `${file.name} could not be sent`;
      resolve();
    };
    request.send(file);
  });
}

async function sendAll(files) {
  for (const file of files) await send(file);
}

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

addEventListener("dragenter", (event) => {
  if (hasFiles(event) && ++within) document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => {
  if (hasFiles(event) && --within <= 0) document.body.classList.remove("dropping");
});
addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  within = 0;
  document.body.classList.remove("dropping");
  sendAll([...event.dataTransfer.files]);
});
document.getElementById("capture").addEventListener("change", (event) => {
  sendAll([...event.target.files]);
  event.target.value = "";
});
