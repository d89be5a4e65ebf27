"""The sentences of `messages.py` about collections, schedules and hours of work."""

from __future__ import annotations

COLLECTION_SENTENCES: dict[str, str] = {
    "collection_folder_gone": "The folder {path} cannot be read, or is empty although it held photos: its drive or network share is probably not connected. Nothing was changed; the next run looks again.",
    "collection_folders_apart": "The folders of a collection must lie below one allowed folder; make a collection for each.",
    "collection_no_folder": "A collection needs at least one folder, and can have at most 100.",
    "collection_name_empty": "A collection needs a name.",
    "collection_name_taken": "There is already a collection named “{name}”. Choose another name.",
    "collection_running": "A run of this collection is under way; wait until it has ended, or cancel its job.",
    "collection_unknown_format": "Files with the ending {format} are not read as photos.",
    "collection_prefix": "{path} is no prefix of a bucket: write s3://BUCKET/PREFIX.",
    "collection_needs_package": "Folders in buckets ({scheme}://…) need the package {package}: install it (pip install '{package}').",
    "collection_no_bucket": "The bucket {bucket} does not exist. Correct the collection's folder, or create the bucket. Nothing was changed.",
    "collection_bucket_denied": "The object store refuses access to {path}: {reason}. Check the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and the rights of their user. Nothing was changed.",
    "collection_bucket_away": "The object store of {path} cannot be reached: {reason}. The run waits for it.",
    "report_needs_package": "A report is made by the pages' own parts, which need the package {package}: install it (pip install '{package}').",
    "collection_field": "“{field}”: {reason}.",
    "collection_depth": "Levels of sub-folders: a whole number from 0 to 1000.",
    "collection_patterns": "A rule can have at most {count} patterns of at most {length} characters.",
    "collection_failed": "The run failed several times; see the dispatcher's log. Nothing was changed.",
    "collections_damaged": "The list of collections cannot be read ({path}): {reason}",
    "schedule_time": "“{time}” is not a time of day such as 22:00.",
    "schedule_cron": "“{cron}” is no cron expression: five fields (minute, hour, day, month, day of the week) such as 30 22 * * mon-fri.",
    "schedule_cron_alone": "A schedule is either a time of day, with days if wished, or a cron expression; not both.",
    "window_hours": "“{hours}” are no hours such as 20:00-07:00 or “20:00-07:00 mon-fri Asia/Shanghai”.",
    "deadline_out_of_range": "The time by which it should be done must lie ahead, within one year, and after the start.",
    "schedule_days": "“{days}” is not a list of week days such as mon-fri or sat,sun.",
    "schedule_zone": "There is no time zone {zone}; use a name such as Asia/Shanghai.",
}
