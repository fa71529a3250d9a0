"Checks of what readers write: every solution of the book is right, an empty one is not yet, and the usual mistakes are told by name."
import importlib, pkgutil
import pytest
from fastfound import checks
from fastfound.checking import verdict
from fastfound.checks.spec import CHECKS

for o in pkgutil.iter_modules(checks.__path__): importlib.import_module(f'fastfound.checks.{o.name}')

def as_a_readers(name):
    "The book's definition of `name`, as if a reader had written it"
    from fastfound.checking import of_the_book
    import inspect, textwrap
    f = of_the_book(name)
    home = dict(vars(importlib.import_module(f.__module__)), __name__='__main__')
    exec(compile(textwrap.dedent(inspect.getsource(f)), f.__module__, 'exec'), home)
    return home[name]

@pytest.mark.parametrize('name', [o for o in CHECKS if o[0].isalpha()])
def test_the_books_solution_is_right(name):
    v = verdict(name, as_a_readers(name))
    assert v, v.text

@pytest.mark.parametrize('name,text', [(c.name, text) for c in CHECKS.values() for text in c.mistakes])
def test_a_usual_mistake_is_told(name, text, monkeypatch):
    "What makes it is wrong, and met by its own sentence"
    c = CHECKS[name]
    def made(*args): return c.mistakes[text](*args)
    wrong = getattr(c.mistakes[text], 'wrong', made)
    if wrong is made and c.use.__name__!='call': pytest.skip('a mistake in a class is told in terms of what is compared')
    monkeypatch.setattr(wrong, '__module__', '__main__')  # as if a reader had written it
    monkeypatch.setattr(c, 'without', ())  # it may use what an exercise does without
    v = verdict(name, wrong)
    assert v.state=='wrong' and v.mistake==text, v.text
