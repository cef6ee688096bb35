"""Studies: comparisons declared in a file, worked on by many processes, safe against any kill."""

from pauca.study.merge import Merged, merge_studies
from pauca.study.plan import plan
from pauca.study.preview import Alike, Preview
from pauca.study.reading import read_study, settings_from
from pauca.study.runner import Result, preview_study, resume_study, run_study
from pauca.study.settings import StudySettings
from pauca.study.status import StudyStatus, study_status
from pauca.study.stopping import Stopped

__all__ = [
    "Alike",
    "Merged",
    "Preview",
    "Result",
    "Stopped",
    "StudySettings",
    "StudyStatus",
    "merge_studies",
    "plan",
    "preview_study",
    "read_study",
    "resume_study",
    "run_study",
    "settings_from",
    "study_status",
]
