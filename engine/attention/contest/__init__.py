"""Ways of attending measured against each other, for every lab that times some: who takes part (`softmax`), how they are
raced at one point (`race`) and along a sweep (`sweep`), on what machine (`machine`), and what was found (`result`).

Nothing here imports torch until a race begins.
"""
