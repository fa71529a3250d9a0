"""Train the small language model of chapter 9 on the bundled first names, and write fastfound/data/name_model.json. It takes seconds.

The same steps, with the same random numbers, as on the page.
"""
import json
from pathlib import Path
import torch
from fastfound.attention import first_names, fit_names, name_params, split_names
from fastfound.basics import set_seed
from fastfound.files import atomic_write

OUT = Path(__file__).parents[1]/'fastfound/data/name_model.json'

def rounded(o): return [rounded(p) for p in o] if isinstance(o, list) else round(o, 4)

def main():
    torch.set_num_threads(1)
    set_seed(42)
    params = name_params()
    fit_names(params, split_names(first_names())[0])
    text = json.dumps({k: rounded(o.tolist()) for k,o in params.items()})
    with atomic_write(OUT) as temporary: temporary.write_text(text, encoding='ascii')

if __name__=='__main__': main()
