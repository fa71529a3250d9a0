"The program that runs other projects' suites against our pieces: it tells right from wrong, and its stored table is that of its suites."
import sys
from pathlib import Path
import pytest, torch
from fastfound.files import read_runs

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT/'tools'), str(ROOT/'tests'/'conformance')]
import conformance, outcomes

def raises(error):
    def f(): raise error
    return f

one,other = (lambda: [torch.ones(2)]),(lambda: [torch.zeros(2)])
@pytest.mark.parametrize('ours, theirs, want', [
    (one, one, 'right'), (other, one, 'wrong'), (lambda: [torch.ones(1,2)], one, 'wrong'), (lambda: [torch.ones(2).double()], one, 'wrong'),
    (lambda: [torch.ones(2), None], lambda: [torch.ones(2), torch.zeros(3)], 'right'),  # no gradient, or one of 0
    (lambda: [torch.ones(2), None], lambda: [torch.ones(2), torch.ones(3)], 'wrong'), (lambda: [], one, 'wrong'),
    (raises(ValueError('f: got 1, wanted 2')), one, 'refused'), (raises(RuntimeError('something broke')), one, 'wrong'),
    (raises(TypeError("f() got an unexpected keyword argument 'a'")), one, 'refused'),
    (raises(AttributeError("'list' object has no attribute 'shape'")), one, 'wrong'),
    (one, raises(ValueError('no')), 'wrong'), (raises(KeyError(1)), raises(ValueError('no')), 'right')])
def test_outcomes(ours, theirs, want): assert outcomes.outcome(ours, theirs)[0]==want

@pytest.mark.parametrize('body, code', [
    ("yield 'a','right',''", 0), ("yield 'a','right',''; yield 'b','refused','x'", 0),
    ("yield 'a','right',''; yield 'b','wrong','x'", 1), ("yield from ()", 1)])
def test_what_is_wrong_ends_with_1(body, code, tmp_path, monkeypatch, capsys):
    name = f'suite_{abs(hash((body, code)))}'
    (tmp_path/f'{name}.py').write_text(f'"From somewhere: all of it"\ndef checks(): {body}\n')
    (tmp_path/f'{name}_helper.py').write_text('"No suite"\n')
    threads = torch.get_num_threads()
    monkeypatch.setattr(torch, 'set_num_threads', lambda n: None)
    assert conformance.main(['--save'], tmp_path, tmp_path/'table.jsonl')==code
    said = capsys.readouterr().out
    assert ('WRONG b' in said)==('wrong' in body) and f'{code} failed' in said and torch.get_num_threads()==threads
    assert '"from": "From somewhere"' in (tmp_path/'table.jsonl').read_text() and (tmp_path/'table.jsonl').read_text().count('\n')==1

def test_stored_table():
    "A row for every suite, and nothing wrong"
    suites = [o.stem for o in sorted((ROOT/'tests'/'conformance').glob('*.py')) if '\ndef checks(' in o.read_text(encoding='utf-8')]
    rows = read_runs('conformance')
    assert [o['suite'] for o in rows]==suites and len(suites)>2
    for o in rows: assert o['wrong']==0 and o['right']>0 and o['right']+o['refused']==o['checks'], o
