"""What Sphinx needs to know beside its settings.

Formulas become MathML, which a browser draws without a script, and pages say what they are to those who link to them.
"""
import html
from latex2mathml.converter import convert

def mathml(self, node, display):
    self.body.append(f'<div class="ff-math" tabindex="0">{convert(node.astext(), display="block")}</div>'
                     if display else convert(node.astext()))

def inline(self, node):
    mathml(self, node, False)
    raise _skip()

def block(self, node):
    mathml(self, node, True)
    raise _skip()

def _skip():
    from docutils.nodes import SkipNode
    return SkipNode()

def describe(app, page, template, context, doctree):
    "What a link to this page shows elsewhere"
    if app.builder.name!='html': return
    cfg = app.config.html_context
    if page=='index': context |= {'title': f"{app.config.project}: {cfg['about'][page].partition(':')[0]}", 'docstitle': ''}
    title,about = html.escape(context.get('title') or app.config.project),html.escape(cfg['about'].get(page, cfg['about']['index']))
    values = {'og:title': title, 'og:description': about, 'og:type': 'article',
              'og:url': f"{cfg['site']}{page}.html", 'og:image': f"{cfg['site']}_static/card.png", 'og:site_name': app.config.project,
              'og:image:width': 1200, 'og:image:height': 630, 'twitter:card': 'summary_large_image'}
    context['metatags'] = (context.get('metatags', '') + f'<meta name="description" content="{about}">' +
                           ''.join(f'<meta property="{k}" content="{v}">' for k,v in values.items()))

def setup(app):
    app.add_html_math_renderer('mathml', (inline, None), (block, None))
    app.connect('html-page-context', describe)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
