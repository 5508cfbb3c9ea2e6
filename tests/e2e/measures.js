// Returns what is wrong with the page as it is shown: too wide, too pale, too small to be pressed.
() => {
  const wrong = [];
  const root = document.documentElement;
  if (root.scrollWidth > innerWidth) wrong.push(`wide: ${root.scrollWidth} px`);

  const parts = color => color.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const over = ([r, g, b, a = 1], below) => [r, g, b].map((c, i) => c * a + below[i] * (1 - a));
  const behind = element => {
    if (!element) return [255, 255, 255];
    const own = parts(getComputedStyle(element).backgroundColor);
    return own[3] === undefined || own[3] === 1 ? own : over(own, behind(element.parentElement));
  };
  const seen = element => element.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    && element.getClientRects().length > 0;

  let texts = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !seen(element) || /^(STYLE|SCRIPT)$/.test(element.tagName)) continue;
    texts++;
    const below = behind(element);
    const [x, y] = [luminance(over(parts(getComputedStyle(element).color), below)), luminance(below)];
    const ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
    if (ratio < 4.5) wrong.push(`contrast: ${ratio.toFixed(2)} of “${node.data.trim().slice(0, 40)}”`);
  }

  let links = 0;
  for (const link of document.links) {
    if (!seen(link)) continue;
    links++;
    const block = link.closest("p, li, td, div, blockquote, h1, h2, h3");
    const others = block.textContent.replace(/[\s·]+/g, "").length
      - [...block.querySelectorAll("a")].reduce((n, a) => n + a.textContent.replace(/\s+/g, "").length, 0);
    const inSentence = getComputedStyle(link).display === "inline" && others > 0; // WCAG 2.5.8, Inline
    const { width, height } = link.getBoundingClientRect();
    if (!inSentence && (height < 44 || width < 44))
      wrong.push(`target: ${Math.round(width)}×${Math.round(height)} px of “${link.textContent.trim().slice(0, 40)}”`);
  }

  const images = [...document.images].filter(image => image.naturalWidth > 1).length;
  return { wrong, texts, links, images };
}
