/* A picture to choose: one of those that a lab has, or a file of the person's own, which the server opens and sends back
   as a text. */
Orrery.pictures = (() => {
  'use strict';
  const { el, words, T, label } = Orrery;
  const MOST = 20e6, LARGE = 2048;
  const W = {
    own: T('Your picture…', '你的图片…'), dropped: T('or drop, or paste one', '也可拖放或粘贴'), opening: T('opening…', '正在打开…'),
    mine: T('your picture', '你的图片'), away: T('The server does not answer: try again.', '服务器没有回应：请重试。'),
    none: T('This file is no picture that can be read.', '此文件不是可读取的图片。'),
    smaller: T('The file is over 20 MB: the browser reduced it first.', '文件超过 20 MB：已先由浏览器缩小。'),
  };

  /* A file too large to be sent, made smaller by the browser; null where it cannot be read. */
  async function lighter(file) {
    const whole = await createImageBitmap(file).catch(() => null);
    if (!whole) return null;
    const share = Math.min(1, LARGE / Math.max(whole.width, whole.height));
    const canvas = el('canvas', { width: Math.round(whole.width * share), height: Math.round(whole.height * share) });
    canvas.getContext('2d').drawImage(whole, 0, 0, canvas.width, canvas.height);
    whole.close();
    return new Promise(done => { canvas.toBlob(done, 'image/png'); });
  }

  async function sent(file) {
    const large = file.size > MOST, body = large ? await lighter(file) : file;
    if (!body) return { error: W.none };
    try {
      const answer = await fetch('./orrery-picture/upload', { method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body });
      if (!answer.ok) return { error: W.away };
      const made = await answer.json();
      return large && made.said ? { ...made, said: [W.smaller, ...made.said] } : made;
    } catch { return { error: W.away }; }
  }

  /* labels: words of each name; get: the text; put(text); refuse(sentence or null). */
  function control(box, { title, labels, get, put, refuse }) {
    const names = Object.keys(labels);
    const pick = el('select', { onchange: () => names[pick.selectedIndex] && put(names[pick.selectedIndex]) });
    label(pick, 'aria-label', title);
    const file = el('input', { type: 'file', accept: 'image/png,image/jpeg,image/webp', hidden: true });
    const own = el('button', { type: 'button', class: 'own', onclick: () => file.click() }, words(W.own));
    const shown = el('img', { class: 'thumb', alt: '', hidden: true }), said = el('p', { class: 'help', hidden: true });
    const drop = el('div', { class: 'picture-control' }, pick, own, el('span', { class: 'hint' }, words(W.dropped)), shown, said, file);
    box.append(drop);
    let text = null, number = 0;
    const fill = () => {
      pick.replaceChildren(...names.map(n => el('option', {}, Orrery.say(labels[n]))), el('option', { hidden: true }, Orrery.say(W.mine)));
      show();
    };
    const tell = sentences => { said.hidden = !sentences.length; said.replaceChildren(...sentences.flatMap(s => [words(s), ' '])); };

    async function take(given) {
      if (!given) return;
      const mine = ++number;
      own.disabled = true;
      tell([W.opening]);
      const made = await sent(given);
      if (mine !== number) return;
      own.disabled = false;
      file.value = '';
      if (made.error) { tell([]); show(); return refuse(made.error); }
      text = made.text;
      put(made.text);
      tell([T(`${made.width} × ${made.height}.`, `${made.width} × ${made.height}。`), ...made.said]);
    }
    file.addEventListener('change', () => take(file.files[0]));
    const pictured = list => [...list].find(f => f.type.startsWith('image/')) || list[0];
    drop.addEventListener('dragover', e => { e.preventDefault(); drop.classList.add('over'); });
    drop.addEventListener('dragleave', () => drop.classList.remove('over'));
    drop.addEventListener('drop', e => { e.preventDefault(); drop.classList.remove('over'); take(pictured(e.dataTransfer.files)); });
    document.addEventListener('paste', e => {
      const found = [...(e.clipboardData ? e.clipboardData.files : [])].find(f => f.type.startsWith('image/'));
      if (found && box.offsetParent) { e.preventDefault(); take(found); }
    });

    function show() {
      const known = names.indexOf(get());
      pick.selectedIndex = known < 0 ? names.length : known;
      shown.hidden = known >= 0;
      if (known < 0 && shown.src !== get() && get().startsWith('data:image/')) shown.src = get();
      if (known >= 0 || get() !== text) tell([]);
    }
    addEventListener('orrery:language', fill);
    fill();
    return show;
  }
  return { control };
})();
