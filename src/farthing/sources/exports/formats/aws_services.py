"""The FOCUS category of AWS's services, by the code that CUR calls line_item_product_code. Pure.

CUR has no column for it: its product family ('Compute Instance', 'Data Transfer') tells of the price list. FOCUS wants
one category for a service: EC2 is Compute, with its volumes and gateways. A code that is not listed, as those of
marketplaces, is Other. https://focus.finops.org/focus-specification/v1-2/#servicecategory
"""

from collections.abc import Mapping

CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "AI and Machine Learning": (
        *("AmazonBedrock", "AmazonSageMaker", "AmazonRekognition", "comprehend", "translate", "transcribe"),
        *("AmazonTextract", "AmazonPolly", "AmazonLex", "AmazonKendra", "AmazonForecast", "AmazonPersonalize"),
    ),
    "Analytics": (
        *("AmazonAthena", "AWSGlue", "ElasticMapReduce", "AmazonKinesis", "AmazonKinesisFirehose"),
        *("AmazonKinesisAnalytics", "AmazonQuickSight", "AmazonES", "AWSLakeFormation", "AWSDataExchange"),
        *("AmazonMSK", "AmazonCloudSearch", "AWSCleanRooms", "datapipeline"),
    ),
    "Business Applications": (
        *("AmazonConnect", "AmazonSES", "AmazonPinpoint", "AmazonWorkMail", "AmazonWorkDocs", "AmazonChime"),
        *("AmazonWorkSpaces", "AmazonWorkSpacesWeb", "AmazonAppStream"),
    ),
    "Compute": (
        *("AmazonEC2", "AWSLambda", "AmazonECS", "AmazonEKS", "AmazonECR", "AmazonECRPublic", "AmazonLightsail"),
        *("AWSElasticBeanstalk", "AWSBatch", "AWSAppRunner", "AWSOutposts"),
    ),
    "Databases": (
        *("AmazonRDS", "AmazonDynamoDB", "AmazonElastiCache", "AmazonRedshift", "AmazonDocDB", "AmazonNeptune"),
        *("AmazonMCS", "AmazonTimestream", "AmazonMemoryDB", "AmazonDAX", "AmazonQLDB", "AmazonSimpleDB"),
    ),
    "Developer Tools": (
        *("CodeBuild", "AWSCodePipeline", "AWSCodeCommit", "AWSCodeArtifact", "AWSCodeDeploy", "AWSXRay"),
        *("AWSCloud9", "AWSDeviceFarm", "AWSAmplify"),
    ),
    "Identity": ("AmazonCognito", "AWSDirectoryService", "AWSIAMAccessAnalyzer"),
    "Integration": (
        *("AWSQueueService", "AmazonSNS", "AmazonStates", "AmazonMQ", "AWSEvents", "AmazonMWAA", "AWSAppSync"),
        *("AmazonSWF", "AmazonAppFlow"),
    ),
    "Internet of Things": ("AWSIoT", "IoTDeviceManagement", "IoTDeviceDefender", "AWSIoTAnalytics", "AWSGreengrass"),
    "Management and Governance": (
        *("AmazonCloudWatch", "AWSCloudTrail", "AWSConfig", "AWSSystemsManager", "AWSServiceCatalog"),
        *("AWSCloudFormation", "AWSBudgets", "AWSCostExplorer", "AmazonGrafana", "AmazonPrometheus", "AWSBackup"),
        *(
            "AWSSupportBusiness",
            "AWSSupportEnterprise",
            "AWSDeveloperSupport",
            "OCBPremiumSupport",
        ),
    ),
    "Media": (
        *("AWSElementalMediaConvert", "AWSElementalMediaLive", "AWSElementalMediaPackage", "AmazonIVS"),
        *("AWSElementalMediaStore", "AWSElementalMediaTailor", "AmazonElasticTranscoder", "AmazonKinesisVideo"),
    ),
    "Migration": ("AWSDatabaseMigrationSvc", "AWSDataSync", "AWSTransfer", "AWSApplicationMigrationService"),
    "Networking": (
        *("AmazonVPC", "AmazonCloudFront", "AmazonRoute53", "AWSELB", "AmazonApiGateway", "AWSDirectConnect"),
        *(
            "AWSDataTransfer",
            "AWSGlobalAccelerator",
            "AWSNetworkFirewall",
            "AWSCloudMap",
        ),
    ),
    "Security": (
        *("awskms", "AWSSecretsManager", "awswaf", "AmazonGuardDuty", "AmazonInspector", "AmazonInspectorV2"),
        *("AmazonMacie", "AWSSecurityHub", "AWSShield", "AWSCertificateManager", "CloudHSM", "AmazonDetective"),
        *("AWSFMS", "AuditManager"),
    ),
    "Storage": (
        *("AmazonS3", "AmazonS3GlacierDeepArchive", "AmazonGlacier", "AmazonEFS", "AmazonFSx"),
        *("AWSStorageGateway", "AWSStorageGatewayDeepArchive", "SnowballExtraDays", "AWSSnowball"),
    ),
}


def _listed(codes: tuple[str, ...]) -> str:
    return ", ".join(f"'{code}'" for code in codes)


def category_of(code: str) -> str:
    """SQL of the category; ``code`` is the SQL of the product code."""
    cases = " ".join(f"WHEN {code} IN ({_listed(codes)}) THEN '{category}'" for category, codes in CATEGORIES.items())
    return f"CASE {cases} ELSE 'Other' END"
