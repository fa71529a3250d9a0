"""How fast our matrix products and our einsum are, as ratios to PyTorch's in the same run and on one thread.

    python bench/matmul.py
"""
import torch
from fastfound.einsum import einsum
from fastfound.kernels import all_versions, ladder
from fastfound.basics import speedup

if __name__ == '__main__':
    torch.set_num_threads(1)
    print(ladder(1024, 1024, 1024, versions=all_versions(), budget=2), end='\n\n')
    cases = [('bij,bjk->bik', (64,128,128), (64,128,128)), ('ik,kj->ij', (5,784), (784,10)),
             ('bi,oij,bj->bo', (64,100), (20,100,80), (64,80)), ('bhqd,bhkd->bhqk', (4,8,64,32), (4,8,64,32))]
    for spec,*shapes in cases:
        ratio = speedup(einsum, torch.einsum, spec, *(torch.randn(o) for o in shapes))
        print(f'{spec:<18} {ratio:.2f} times the time of torch.einsum')
