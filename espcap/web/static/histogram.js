// The histogram of packets over time. Dragging selects the times of the view.

import { submit } from "./view.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const asTime = (seconds) => new Date(Math.round(seconds * 1000)).toISOString();
let plot = null;

// Returns the label of a tick, whose precision depends on the distance of ticks: days, minutes, seconds or less.
function label(seconds, distance) {
  const time = asTime(seconds);
  if (distance >= 86_400) return time.slice(0, 10);
  return time.slice(11, distance >= 60 ? 16 : distance >= 1 ? 19 : 23);
}

function width(place) {
  return Math.max(200, place.clientWidth);
}

function draw() {
  const place = document.getElementById("histogram");
  if (plot) plot.destroy();
  plot = null;
  if (!place) return;
  const times = place.dataset.times.split(" ").map((time) => Date.parse(time) / 1000);
  const packets = place.dataset.packets.split(" ").map(Number);
  const step = times.length > 1 ? times[1] - times[0] : 1;
  const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  const options = {
    width: width(place),
    height: 104,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    scales: { x: { range: () => [times[0], times[times.length - 1] + step] }, y: { range: (_, __, most) => [0, most || 1] } },
    axes: [{ ...axis, size: 28, space: 90, values: (_, ticks, __, ___, distance) => ticks.map((tick) => label(tick, distance)) }, { ...axis, size: 64, space: 22, values: (_, ticks) => ticks.map((tick) => tick.toLocaleString("en")) }],
    series: [
      {},
      { stroke: colour("--bar"), fill: colour("--bar"), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.9, 100], align: 1 }) },
    ],
    hooks: {
      setSelect: [
        (drawn) => {
          const { left, width: selected } = drawn.select;
          if (selected < 2) return;
          submit({ since: asTime(drawn.posToVal(left, "x")), until: asTime(drawn.posToVal(left + selected, "x")) });
        },
      ],
    },
  };
  plot = new uPlot(options, [times, packets], place);
}

htmx.onLoad((part) => {
  if (part.id === "histogram" || part.querySelector?.("#histogram") || part.id === "over-time") draw();
});
addEventListener("resize", () => plot && plot.setSize({ width: width(document.getElementById("histogram")), height: 104 }));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
