"""A DICOM-native AI node: studies in over C-STORE, draft reports and heat maps back to the PACS."""

__version__ = "0.1.0"
