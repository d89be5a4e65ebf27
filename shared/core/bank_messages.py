"""The sentences of `messages.py` about banks, their classes, and models."""

from __future__ import annotations

BANK_SENTENCES: dict[str, str] = {
    "bank_vectors": "{rows} of the vectors are unusable (NaN, infinite or all zero), the first at row {first}.",
    "bank_vectors_of": "Class {label}: {rows} of the vectors are unusable (NaN, infinite or all zero), the first at row {first}.",
    "legacy_damaged": "{name} is not a bank in the old format (NPZ, one array of vectors per class): {reason}",
    "legacy_dimensions": "The file's vectors have {columns} columns, but the model {model} produces {dim}. They must come from {hint}: specify it with --model or WEFT_MODEL.",
    "class_clash": "The classes “{first}” and “{second}” differ only in case or Unicode form; rename or merge one.",
    "class_unnamed": "A class needs a Chinese or an English name.",
    "class_name_taken": "“{name}” already is a name of the class “{other}”. Choose another name, or merge the two classes.",
    "class_name_long": "The name “{name}” is longer than {limit} characters.",
    "class_merged_with_itself": "A class cannot be merged with itself; choose another one.",
    "no_samples_selected": "Select at least one sample first.",
    "no_photos": "None of the files is a photo that can be read here.",
    "photo_outside_class": "“{name}” lies outside the class folders. Put the photos of each class into a folder of its own.",
    "legacy_missing": "Choose the file of a bank first (ending in .npz).",
    "bank_busy": "Another task is running on the bank; try again when it has finished.",
    "bank_name_empty": "A bank needs a name.",
    "bank_name_taken": "There is already a bank named “{name}”. Choose another name.",
    "bank_default_stays": "The default bank can be renamed, but not archived or deleted.",
    "bank_archived": "The bank “{name}” is archived. Restore it, or choose another bank.",
    "bank_in_use": "The bank “{name}” cannot be deleted while jobs use it ({jobs}: {names}). Archive or delete these jobs first, or archive the bank.",
    "bank_changed": "Another version of the bank became active meanwhile; review it again.",
    "bank_task_interrupted": "The task ended without a result; the active bank is unchanged. Start it again.",
    "bank_needs_module": "This requires {module}, which is not installed on the web server; run weft bank where a worker runs.",
    "bank_empty": "The bank has no usable classes.",
    "bank_model_mismatch": "The bank was built with the model {bank_model}, but the active model is {model}. Rebuild the bank, or set WEFT_MODEL.",
    "model_unavailable": "The model {model} cannot be loaded: {reason}",
    "model_unknown_architecture": "open_clip knows no architecture {architecture}. `weft model search WORD` lists them all.",
    "model_unknown_tag": "open_clip knows no pretrained weights {tag} of {architecture}. It knows: {known}.",
    "model_preprocessing_unclear": "How photos are to be prepared for {model} cannot be told from the file: open_clip's pretrained weights of this architecture differ ({values}). Name the ones that the file was trained like: `weft model pull {model} --preprocessing-of TAG`, then WEFT_MODEL={model}@TAG; or put its open_clip_config.json beside it.",
    "model_file_empty": "The weights file {file} is empty; download it again.",
    "model_file_lfs": "{file} is only a Git LFS pointer, not the weights; download the file itself (`git lfs pull`).",
    "model_file_page": "{file} is a web page, not weights: the download was answered with an error or sign-in page. Download it again, and check its size.",
    "model_file_torchscript": "{file} is a TorchScript archive, as OpenAI published its models. Weft does not load it, because that would run code from the file. Use the same weights by tag (such as ViT-B-32-quickgelu/openai), or, if you trust the file, take the weights out once: python -c \"import torch; s = torch.jit.load('{file}', 'cpu').state_dict(); [s.pop(k, None) for k in ('input_resolution', 'context_length', 'vocab_size')]; torch.save(s, '{stem}-weights.pt')\".",
    "model_file_pickle": "{file} contains Python objects other than weights, which Weft does not load because that would run code from the file. If you trust it, save its state_dict alone as .safetensors.",
    "model_file_damaged": "The weights file {file} is damaged or incomplete; download or copy it again ({reason}).",
    "model_weights_layout": "{file} contains weights in the layout of {layout} (key {first}), not of open_clip. Convert them to open_clip's names, or download the open_clip version of the model.",
    "model_weights_shape": "{file} does not belong to {architecture}: its layer {layer} is {found}, expected {expected}. Name the architecture that it was trained with; `weft model search WORD` lists them.",
    "model_weights_keys": "{file} does not belong to {architecture}: {missing} layers are missing and {unexpected} are unknown, of {keys} in the file (first: {first}). Name the architecture that it was trained with; `weft model search WORD` lists them.",
    "model_weights_nan": "{file} is unusable: {wrong} of {all} values of its layer {layer} are NaN or infinite. Use an earlier checkpoint, or download the file again.",
    "model_no_network": "The model {model} is not on this machine and could not be downloaded. Set WEFT_MODEL=ARCH/path/to/weights.safetensors, or put the file under WEFT_MODEL_DIR ({model_dir}).",
    "model_not_converted": "The model {model} has not been converted on this machine yet: run `weft model pull`.",
    "model_not_quantized": "The model {model} has no int8 version that passed validation: run `weft model quantize`, or set WEFT_ENGINE=openvino.",
    "model_unfaithful": "The converted model {model} differs too much from the original (mean cosine {mean}) and was discarded.",
    "model_needs_transformers": (
        "The text tower of {model} needs the Python package transformers (extra `texts`), which is not installed here."
    ),
    "model_tokenizer_missing": (
        "The tokenizer {tokenizer} of {model} could not be fetched ({reason}). Without a network, put its files"
        " (tokenizer.json, tokenizer_config.json and others) into {folder}."
    ),
    "model_needs_torch": "Converting {model} requires torch and open_clip (`make setup`, or the `models` image).",
}
