"The book on paper: the pages of the EPUB joined to one, with a title page and contents, and printed by a browser as a PDF."
import html, json, logging, os, re, shutil, textwrap
from pathlib import Path

LONGEST = 112  # signs of code that fit in a line of print.css
SHORT = 18  # lines of code that stay together on a page
FILL = "pages => { for (const o of document.querySelectorAll('.ff-page')) o.textContent = pages[o.dataset.of]; }"
ALONE = ('@page { @bottom-center { content: none } } * { visibility: hidden } .ff-page { visibility: visible } '
         '.ff-title ~ :not(.ff-contents) { display: none }')
# what is wider than the page is drawn smaller
FIT = """() => {
  for (const o of document.querySelectorAll('.ff-html, .ff-math, .ff-chapter > section table')) {
    const wide = o.scrollWidth/o.clientWidth, table = o.tagName === 'TABLE' ? o.offsetWidth/o.parentElement.clientWidth : wide;
    if (Math.max(wide, table) > 1.001) (o.tagName === 'TABLE' ? o : o.firstElementChild).style.zoom = .99/Math.max(wide, table);
  }
}"""

def cover(path, picture, title, lead, author):
    "Write a cover for the EPUB: the title, what the book is, a picture and who wrote it"
    from matplotlib.figure import Figure
    from matplotlib.image import imread
    fig = Figure(figsize=(6,8), dpi=200)
    for y,size,weight,text in ((.72,44,'bold',title), (.62,16,'normal',textwrap.fill(lead, 36)), (.1,13,'normal',author)):
        fig.text(.5, y, text, size=size, weight=weight, ha='center', va='top' if size==16 else 'bottom', linespacing=1.5)
    ax = fig.add_axes((.06,.3,.88,.15))
    ax.imshow(imread(picture))
    ax.axis('off')
    fig.savefig(path)

def lines(m):
    "A block of code, or of text that it prints, in which a line that is too long goes on below, set in and marked"
    start,text = m[1],m[2].rstrip('\n')
    rows = text.split('\n')
    long = [len(html.unescape(re.sub('<[^>]+>', '', o)))>LONGEST for o in rows]
    body = ''.join(f'<span class="ff-long">{o}</span>' if l else o+'\n' for o,l in zip(rows, long))
    if len(rows)<=SHORT: start = start.replace('<pre', '<pre data-short=""')
    return f'{start}{body}</pre>'

def answers(text):
    "The page `text` with the answers to its questions and exercises at its end, under the numbers that they have"
    found,at = {},['','']
    def take(m):
        if m[1]: at[:] = m[1],''
        elif m[2]: at[1] = m[2]
        elif at[1]:
            body = m[3].strip()
            prose = body.startswith('<p>')
            found.setdefault(at[0], []).append(
                f'<p><strong>{at[1]}.</strong> {body[3:]}' if prose else f'<p class="ff-alone"><strong>{at[1]}.</strong></p>{body}')
            return ''
        return m[0]
    if m := re.search(r'<section id="[\w-]*predictions">\s*<h2>Predictions</h2>(.*?)</section>', text, re.S):
        text,found['Predictions'] = text.replace(m[0], ''),[m[1]]
    text = re.sub(r'<h\d>(.*?)</h\d>|<p><strong>(\d+)\.</strong>|<details[^>]*><summary>(?:Answer|Solution)</summary>(.*?)</details>',
                  take, text, flags=re.S)
    text = re.sub(r'<details[^>]*><summary>(Hint|Second hint)</summary>\s*<p>(.*?)</details>',
                  r'<div class="ff-hint"><p><strong>\1.</strong> \2</div>', text, flags=re.S)
    return text + '<h2>Answers</h2>'*bool(found) + ''.join(f'<h3>{o}</h3>{"".join(some)}' for o,some in found.items())

def chapter(text, page, pages, site, deeper):
    "The body of the EPUB's page `text`, which is called `page`, for the one page, its headings `deeper` by so many levels"
    text = re.search(r'<div class="body" role="main">(.*?)<div class="clearer">', text, re.S)[1]
    text = re.sub(r'<span class="(?:n|p|w)?">([^<]*)</span>', r'\1', text)
    text = re.sub(r'(<pre[^>]*>)(.*?)</pre>', lines, text, flags=re.S)
    def link(m):
        to,_,anchor = m[1].partition('#')
        name = to.removesuffix('.xhtml') if to else page
        return f'href="{site}{m[1]}"' if name not in pages else f'href="#{name}--{anchor}"' if anchor else f'href="#{name}"'
    text = re.sub(r'\bid="([^"]+)"', rf'id="{page}--\1"', re.sub(r'\bhref="(?!\w+:)([^"]+)"', link, text))
    text = re.sub(r'url\(#([^)]+)\)', rf'url(#{page}--\1)', answers(text)).replace('<details', '<details open=""')
    text = re.sub(r'<(/?)h([1-5])\b', lambda m: f'<{m[1]}h{int(m[2])+deeper}', text)
    return f'<section class="ff-chapter" id="{page}" style="page: p-{page}">{text}</section>'

def whole(folder, about, part_of, facts, site):
    "All pages of the EPUB in `folder` as one, in parts, below a title page and the contents"
    titles = {'index': 'About this book', **{k: v[0] for k,v in about.items() if k!='index'}}
    texts = {o: (folder/f'{o}.xhtml').read_text(encoding='utf-8') for o in about}
    picture = re.search(r'<img [^>]*>', texts['index'])
    texts['index'] = texts['index'].replace(picture[0], '') if picture else texts['index']
    texts['index'] = re.sub('<h1>.*?</h1>', f'<h1>{titles["index"]}</h1>', texts['index'])
    def entry(page, more): return f'<li><a href="#{page}">{html.escape(titles[page])}</a>{more}</li>'
    parts,part = {},''
    for o in about:
        part = part_of.get(o, part)
        parts.setdefault(part, []).append(o)
    contents,body = '',''
    for part,pages in parts.items():
        entries = ''.join(entry(o, f'<i></i><b class="ff-page" data-of="{o}"></b>') for o in pages)
        contents += f'<section>{f"<p>{part}</p>" if part else ""}<ol>{entries}</ol></section>'
        if part:
            promises = ''.join(entry(o, f'<p>{html.escape(about[o][1])}</p>') for o in pages)
            body += f'<section class="ff-part"><h1>{part}</h1><ol>{promises}</ol></section>'
        body += ''.join(chapter(texts[o], o, titles, site, bool(part)) for o in pages)
    heads = ''.join(f'@page p-{o} {{ @top-left {{ content: {json.dumps(t, ensure_ascii=False)} }} }}\n' for o,t in titles.items())
    title,lead = html.escape(about['index'][0]),html.escape(about['index'][1])
    return ('<!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head><meta charset="utf-8" />'
            f'<title>{title}</title><link rel="stylesheet" href="_static/pygments.css" /><link rel="stylesheet" href="print.css" />'
            f'<style>{html.escape(heads, quote=False)}</style></head><body><section class="ff-title"><p class="ff-name">{title}</p>'
            f'<p class="ff-lead">{lead}</p>{picture[0] if picture else ""}{"".join(f"<p>{o}</p>" for o in facts)}</section>'
            f'<section class="ff-contents"><h1>Contents</h1>{contents}</section>{body}</body></html>')

def dests(path):
    "The page of each place that a link of the PDF leads to, counted from 1"
    import pikepdf
    with pikepdf.open(path) as pdf:
        number = {o.objgen: i for i,o in enumerate(pdf.pages, 1)}
        return {k.removeprefix('/'): number[v[0].objgen] for k,v in pdf.Root.Dests.items()}

def retitle(pdf, heads):
    "Give the entries of the PDF's outline the titles `heads`; a browser leaves out the space where a heading goes on in the next line"
    titles,entries = {''.join(o.split()): ' '.join(o.split()) for o in heads},[pdf.Root.Outlines.First]
    while entries:
        o = entries.pop()
        o.Title = titles.get(''.join(str(o.Title).split()), str(o.Title))
        entries += [o[k] for k in ('/First', '/Next') if k in o]

def browser():
    "The browser that prints, if there is one"
    return next((o for name in (os.environ.get('FASTFOUND_BROWSER'), 'chromium', 'chromium-browser', 'google-chrome')
                 if name and (o := shutil.which(name))), None)

def pdf(folder, path, about, part_of, facts, site):
    "Print the pages of the EPUB in `folder` to `path`; False where no browser is found"
    if not browser(): return False
    logging.getLogger('pikepdf').setLevel(logging.WARNING)
    import pikepdf
    from playwright.sync_api import sync_playwright
    shutil.copy(Path(__file__).with_name('print.css'), folder)
    (folder/'book.xhtml').write_text(whole(folder, about, part_of, facts, site), encoding='utf-8')
    whole_book,numbers = folder/'whole.pdf',folder/'numbers.pdf'
    with sync_playwright() as p:
        sheet = p.chromium.launch(executable_path=browser(), args=['--no-sandbox']).new_page(viewport={'width': 672, 'height': 980})
        sheet.emulate_media(media='print')
        sheet.goto((folder/'book.xhtml').as_uri())
        sheet.evaluate(FIT)
        heads = sheet.evaluate("Array.from(document.querySelectorAll('h1,h2,h3,h4,h5,h6'), o => o.textContent)")
        sheet.pdf(path=whole_book, prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
        # now it is known on which page each chapter begins: the numbers in the contents are printed alone, and laid over them
        sheet.add_style_tag(content=ALONE)
        sheet.evaluate(FILL, dests(whole_book))
        sheet.pdf(path=numbers, prefer_css_page_size=True)
    with pikepdf.open(whole_book) as made, pikepdf.open(numbers) as over:
        for page,number in zip(made.pages, over.pages): page.add_overlay(number)
        retitle(made, heads)
        made.docinfo['/Author'],made.docinfo['/Title'] = facts[0],f"{about['index'][0]}: {about['index'][1]}"
        made.save(path, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return True
