"""The GraphQL documents that `dagster_api` sends. What is made of the answers stands there."""

LOCATIONS = """
{ workspaceOrError { __typename
    ... on PythonError { message }
    ... on Workspace { locationEntries { name loadStatus locationOrLoadError { __typename
        ... on PythonError { message causes { message } } } } } } }
"""
ASSETS = "{ assetNodes { assetKey { path } repository { location { name } } } }"
LAUNCH = """
mutation Launch($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) { __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
    ... on UnauthorizedError { message } } }
"""
BACKFILL = """
query Backfill($id: String!) {
  partitionBackfillOrError(backfillId: $id) { __typename
    ... on PythonError { message }
    ... on BackfillNotFoundError { message }
    ... on PartitionBackfill { id status timestamp endTimestamp error { message }
      assetBackfillData { assetBackfillStatuses { __typename
        ... on AssetPartitionsStatusCounts { assetKey { path } numPartitionsTargeted
            numPartitionsInProgress numPartitionsMaterialized numPartitionsFailed }
        ... on UnpartitionedAssetStatus { assetKey { path } inProgress materialized failed } } } } } }
"""
RUNS = """
query Runs($filter: RunsFilter!) {
  runsOrError(filter: $filter, limit: 500) { __typename
    ... on PythonError { message }
    ... on Runs { results { id status tags { key value } assetSelection { path } startTime endTime } } } }
"""
FAILURES = """
query Failures($id: ID!, $cursor: String) {
  logsForRun(runId: $id, afterCursor: $cursor, limit: 1000) { __typename
    ... on EventConnection { cursor hasMore events { __typename
        ... on ExecutionStepFailureEvent { stepKey
            error { message causes { message } } failureMetadata { description } }
        ... on RunFailureEvent { message } } } } }
"""
RETRY = """
mutation Retry($params: ReexecutionParams!) {
  reexecutePartitionBackfill(reexecutionParams: $params) { __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message } } }
"""
RELOAD = """
mutation Reload($name: String!) {
  reloadRepositoryLocation(repositoryLocationName: $name) { __typename
    ... on WorkspaceLocationEntry { loadStatus locationOrLoadError { __typename
        ... on PythonError { message causes { message } } } } } }
"""
UNFINISHED = """
{ partitionBackfillsOrError(filters: {statuses: [REQUESTED, CANCELING, FAILING]}) { __typename
    ... on PythonError { message }
    ... on PartitionBackfills { results { id title } } } }
"""
CANCEL = """
mutation Cancel($id: String!) { cancelPartitionBackfill(backfillId: $id) { __typename
    ... on CancelBackfillSuccess { backfillId }
    ... on UnauthorizedError { message }
    ... on PythonError { message } } }
"""
TERMINATE = """
mutation Terminate($ids: [String!]!) {
  terminateRuns(runIds: $ids, terminatePolicy: MARK_AS_CANCELED_IMMEDIATELY) { __typename
    ... on PythonError { message } } }
"""
START_SENSOR = """
mutation StartSensor($selector: SensorSelector!) { startSensor(sensorSelector: $selector) { __typename
    ... on UnauthorizedError { message }
    ... on PythonError { message } } }
"""
SET_POOL = """
mutation SetPool($pool: String!, $limit: Int!) { setConcurrencyLimit(concurrencyKey: $pool, limit: $limit) }
"""
LAUNCH_RUN = """
mutation LaunchRun($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on PipelineNotFoundError { message }
    ... on UnauthorizedError { message }
    ... on PythonError { message } } }
"""
RUN = """
query Run($id: ID!) { runOrError(runId: $id) { __typename
    ... on Run { status }
    ... on RunNotFoundError { message }
    ... on PythonError { message } } }
"""
