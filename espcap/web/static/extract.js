// Downloads captures with fetch, so that the page can report missing packets.

const status = () => document.getElementById("status");

async function extract(link) {
  status().textContent = "Extracting…";
  const answer = await fetch(link.href);
  if (!answer.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    status().textContent = page.body.textContent.trim();
    return;
  }
  const packets = answer.headers.get("Espcap-Packets");
  const missing = answer.headers.get("Espcap-Missing");
  const address = URL.createObjectURL(await answer.blob());
  const download = document.createElement("a");
  download.href = address;
  download.download = link.download;
  document.body.append(download);
  download.click();
  download.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  const reason = missing === "0" ? "" : `, ${missing} missing: ${answer.headers.get("Espcap-Reason")}`;
  status().textContent = `${packets} packets extracted${reason}`;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-extract]");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  extract(link).catch((error) => (status().textContent = `Extracting failed: ${error.message}`));
});
