"""Seconds of an ordinary processor, so that times on different machines can be compared: a fixed mix of work is timed on this one.

    python .ci/pace.py unit         print the seconds here that make one ordinary second
    python .ci/pace.py table STEPS  print the steps of a run, lines of `name<tab>seconds<tab>unit`, beside the budget in .ci/budget

An ordinary second is one of a two-core server processor with AVX2 and without bfloat16, of the kind that rented test machines have.
"""
import sys, time
from pathlib import Path

MIX = 0.85  # seconds that the mix takes there

def mix():
    "Seconds for a fixed mix of Python, matrix products, convolutions and small tensors, on one thread"
    import torch
    torch.set_num_threads(1)
    torch.manual_seed(0)
    a,x,w = torch.randn(768, 768),torch.randn(64, 16, 28, 28),torch.randn(32, 16, 3, 3, requires_grad=True)
    start,n,small = time.perf_counter(),0,torch.randn(16, 16)
    for i in range(3_000_000): n += i & 3
    for _ in range(14): a @ a
    for _ in range(14): torch.conv2d(x, w, padding=1).sum().backward()
    for _ in range(20_000): small = (small*0.5).tanh() + 0.1
    return time.perf_counter()-start

def table(steps):
    "The steps in ordinary seconds beside their budgets, and a warning for each that is over"
    budget = {name: int(seconds) for seconds,name in (
        o.split(maxsplit=1) for o in Path(__file__).with_name('budget').read_text().splitlines() if o.strip() and o[0]!='#')}
    lines,over,total = ['ordinary seconds  budget  step'],[],0
    for name,seconds,unit in steps:
        took,most = float(seconds)/float(unit),budget.get(name)
        total += took
        lines.append(f'{took:16.0f}  {most or "-":>6}  {name}')
        if most is None: over.append(f'warning: {name} has no budget in .ci/budget')
        elif took>most: over.append(f'warning: {name} took {took:.0f} ordinary seconds, over its budget of {most}')
    return '\n'.join([*lines, f'{total:16.0f}  {sum(budget.values()):>6}  in all', *over])

if __name__ == '__main__':
    if sys.argv[1:]==['unit']:
        mix()
        print(f'{mix()/MIX:.3f}')
    elif sys.argv[1:2]==['table']: print(table([o.split('\t') for o in Path(sys.argv[2]).read_text().splitlines()]))
    else: sys.exit(__doc__)
