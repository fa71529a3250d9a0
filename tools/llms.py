"The book for machines that read: llms.txt, a list of its pages, and llms-full.txt, their whole text as Markdown."
import html, re

SHOWS = 'What a cell shows stands below it where it is text; figures are named by their descriptions.'
PROMISES = {'The road': 'The chapters, in order.', 'Side roads': 'What a first reader can skip; the number is that of the chapter.',
            'Library': 'Reference: what the chapters stand on.', 'Programs': 'What is made from the chapters and the library.'}

def prediction(text):
    "Of a question that is answered before anything is shown, in HTML: itself, its choices, and the answer with its reason; else None"
    if '<div class="ff-predict"' not in text: return None
    choices = re.findall(r'<summary><span>(.*?)</span></summary><p>(.*?)</p>', text, re.S)
    right,told = next(o for o in choices if o[1].startswith('<b>Yes.</b> '))
    asked = re.search(r'<p><b>Predict, then run.</b> (.*?)</p>', text, re.S)[1]
    return asked,[o for o,_ in choices],f"<b>{right}.</b> {told.removeprefix('<b>Yes.</b> ')}"

def marked(text):
    "The HTML of a sentence as Markdown"
    return html.unescape(re.sub('</?b>', '**', re.sub('</?code>', '`', text)))

def block(m):
    "A block of raw HTML as Markdown: the text that a cell shows, the name of a definition, the title of what is folded, or nothing"
    if o := prediction(m[2]): return '\n\n'.join([marked(o[0]), '\n'.join(f'- {marked(c)}' for c in o[1]), f'Answer: {marked(o[2])}'])
    if o := re.search(r'<div class="ff-still"><p><code>(def [^<]*)</code></p><ol>', m[2]):
        lines = '\n'.join([o[1], *re.findall(r'<li><code>(.*?)</code></li>', m[2])]).replace('&#160;', ' ')
        return f'The lines of a function, to be put in order:\n\n```text\n{html.unescape(lines)}\n```'
    if o := re.search(r'<pre class="ff-out"[^>]*>(.*?)</pre>', m[2], re.S): return f'```text\n{html.unescape(o[1])}\n```'
    if o := re.search(r'class="ff-def"[^>]*><code>([^<]+)</code>', m[2]): return f'`{html.unescape(o[1])}`:'
    if o := re.search(r'<summary>([^<]+)</summary>', m[2]): return f'{html.unescape(o[1])}:'
    return ''

def plain(text):
    "The Markdown of a page as any reader of Markdown knows it, without HTML"
    text = re.sub(r'^(`{3,})\{raw\} html\n(.*?)\n\1$', block, text, flags=re.S|re.M)
    text = re.sub(r'^(`{3,})\{image\} \S+\n:alt: ([^\n]+)\n.*?^\1$', r'(Figure: \2)', text, flags=re.S|re.M)
    text = re.sub(r'^(`{3,})\{toctree\}.*?^\1$', '', text, flags=re.S|re.M)
    text = re.sub(r'^\{\.[\w-]+\}\n', '', text, flags=re.M)
    text = re.sub(r'</?(?:details|summary|div)[^>]*>', '', text)
    return re.sub(r'\n{3,}', '\n\n', text).strip() + '\n'

def contents(title, description, site, parts, about):
    "llms.txt: what the book is, and each part with its pages; `parts` and `about` are as docs.py has them"
    head = (f'# {title}\n\n> {description}\n\nEach page is a notebook, from which a module of the Python package `{title}` and its '
            'tests are made. The chapters build every idea from tensors and check it against PyTorch.\n\n'
            f'- [The whole text]({site}llms-full.txt): all pages below in one file, as Markdown\n'
            f'- [{about["index"][0]}]({site}index.html): {about["index"][1]}\n')
    def line(page): return f'- [{about[page][0]}]({site}{page}.html): {about[page][1]}\n'
    return head + ''.join(f'\n## {part}\n\n{PROMISES[part]}\n\n' + ''.join(map(line, pages)) for part,pages in parts.items())

def whole(title, description, site, texts):
    "llms-full.txt: the text of each page, below its address"
    return f'# {title}\n\n> {description}\n\n{SHOWS}\n\n' + '\n'.join(
        f'---\nSource: {site}{page}.html\n\n{plain(text)}' for page,text in texts.items())
