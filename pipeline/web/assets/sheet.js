"use strict";
// A page as its picture with boxes, beside its blocks. The viewer and the service's page share it.
// The HTML of blocks was cleaned by an allow-list where it was made (pipeline.web.markup); all else
// is put in as text.

const PICTURE_KINDS = new Set(["figure", "image", "picture"]);

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== "") made.textContent = text;
  return made;
}

// The blocks of a page: {kind, score, html, box}, boxes as [left, top, width, height] in percent.
// `size` is that of the page, [width, height] in pixels; `image` the element with its picture.
function blockNodes(blocks, size, image) {
  return blocks.map((block, place) => {
    const made = element("div", "block"), inner = element("div");
    inner.innerHTML = block.html; // cleaned by an allow-list where it was made
    if (PICTURE_KINDS.has(block.kind) && block.box) inner.prepend(crop(block.box, size, image));
    const said = block.score === null ? block.kind : `${block.kind} ${block.score.toFixed(2)}`;
    made.append(element("span", "kind", said), inner);
    linkHover(made, place);
    return made;
  });
}

// A page without blocks, or its text where blocks have none.
function htmlNode(html) {
  const made = element("div", "block");
  made.innerHTML = html; // cleaned by an allow-list where it was made
  return made;
}

// A picture on the page is the part of the page's own picture that its box shows.
function crop([left, top, width, height], [width_px, height_px], page) {
  const frame = element("div", "crop"), image = element("img");
  frame.style.aspectRatio = `${width * width_px} / ${Math.max(height * height_px, 1)}`;
  frame.style.maxWidth = `${width}%`;
  image.src = page.src; image.alt = "picture on the page";
  image.onerror = () => frame.remove();
  Object.assign(image.style, { width: `${10000 / Math.max(width, 0.1)}%`, left: `${-100 * left / Math.max(width, 0.1)}%`, top: `${-100 * top / Math.max(height, 0.1)}%` });
  frame.append(image);
  return frame;
}

// The boxes of a page's blocks; `choose` is called with the place of the one that is clicked.
function boxNodes(blocks, choose) {
  return blocks.map((block, place) => {
    if (!block.box) return null;
    const made = element("button", "box"), [left, top, width, height] = block.box;
    Object.assign(made.style, { left: `${left}%`, top: `${top}%`, width: `${width}%`, height: `${height}%` });
    made.title = block.kind; made.tabIndex = -1;
    linkHover(made, place);
    made.onclick = () => choose(place);
    return made;
  }).filter(Boolean);
}

function linkHover(node, place) {
  node.dataset.block = place;
  node.onmouseenter = () => light(place, true);
  node.onmouseleave = () => light(place, false);
}

function light(place, on, scroll = false) {
  for (const node of document.querySelectorAll(".lit")) node.classList.remove("lit");
  if (!on) return;
  for (const node of document.querySelectorAll(`[data-block="${place}"]`)) {
    node.classList.add("lit");
    if (scroll && node.classList.contains("block")) node.scrollIntoView({ block: "nearest" });
  }
}
