// The histogram of documents over time, and the response times of transactions.

import { chart, colour } from "./charts.js";

const numbers = (text) => text.split(" ").map((number) => (number === "-" ? null : Number(number)));

const bars = (text, name) => ({
  values: numbers(text),
  series: { stroke: colour(name), fill: colour(name), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.9, 100], align: 1 }) },
});

const line = (text, name) => ({
  values: numbers(text),
  series: { stroke: colour(name), width: 1.5, spanGaps: true, points: { show: true, size: 5, fill: colour(name) } },
});

chart("histogram", ({ counts, errors }) => [bars(counts, "--bar"), ...(errors ? [bars(errors, "--error")] : [])]);
chart("response-times", ({ p50, p95, p99 }) => [line(p99, "--error"), line(p95, "--note"), line(p50, "--link")]);
